#include "store.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

int open_in_store(int store, const char *path, int flags, struct fail *why)
{
    struct open_how how = {
        .flags = (uint64_t)flags | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    };
    long fd = syscall(SYS_openat2, store, path, &how, sizeof how);
    return fd < 0 ? fail_errno(why, "%s cannot be opened in the store", path) : (int)fd;
}
