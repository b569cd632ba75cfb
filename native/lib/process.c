#include "process.h"

#include "util.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

unsigned long long start_time(pid_t pid)
{
    char path[32];
    char text[1024];
    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    if (read_short_text(AT_FDCWD, path, text, sizeof text) < 0)
        return 0;
    /* The name, field 2, may hold spaces and parentheses; the last one ends it. */
    const char *field = strrchr(text, ')');
    char state;
    unsigned long long start;
    if (field == NULL ||
        sscanf(field + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state,
               &start) != 2)
        return 0;
    return state == 'Z' || state == 'X' ? 0 : start;
}

int boot_id(char id[BOOT_ID_SIZE])
{
    if (read_short_text(AT_FDCWD, "/proc/sys/kernel/random/boot_id", id, BOOT_ID_SIZE) != BOOT_ID_SIZE - 1)
        return -1;
    return 0;
}
