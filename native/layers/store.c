#include "store.h"

#include "../lib/util.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

void end_with_caller(void)
{
    struct pollfd output = {.fd = STDOUT_FILENO};
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die_errno("PR_SET_PDEATHSIG");
    /* It may have ended before: then nobody can read what is printed any more. */
    if (poll(&output, 1, 0) < 0)
        die_errno("standard output");
    if ((output.revents & POLLERR) != 0)
        die("the caller has ended");
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
