#include "options.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

int refuse(const struct fail *why)
{
    fprintf(stderr, "devenv-sandbox: %s\n", why->text);
    return 1;
}

int64_t parse_number(const char *option, const char *text, int64_t most, struct fail *why)
{
    int64_t number = 0;
    if (text[0] == '\0' || strspn(text, "0123456789") != strlen(text))
        return fail(why, "%s %s: not a number", option, text);
    for (; *text != '\0'; text++) {
        number = number * 10 + (*text - '0');
        if (number > most)
            return fail(why, "%s: larger than %lld", option, (long long)most);
    }
    return number;
}

int open_in_store(int store, const char *path, int flags, struct fail *why)
{
    struct open_how how = {
        .flags = (uint64_t)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long fd = syscall(SYS_openat2, store, path, &how, sizeof how);
    return fd < 0 ? fail_errno(why, "%s cannot be opened in the store", path) : (int)fd;
}
