#include "state-file.h"

#include "../lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct state_files state_files(const char *file)
{
    return (struct state_files){
        .ready = xprintf("%s", file),
        .starting = xprintf("%s.starting", file),
        .failed = xprintf("%s.failed", file),
    };
}

int new_state(const char *file)
{
    char *temporary = xprintf("%s.new", file);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    free(temporary);
    return fd;
}

bool give_state(int fd, const char *file, const char *text)
{
    char *temporary = xprintf("%s.new", file);
    bool given = write_all(fd, text, strlen(text)) == 0 && rename(temporary, file) == 0;
    free(temporary);
    return given;
}
