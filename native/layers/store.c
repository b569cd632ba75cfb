#include "store.h"

#include "../lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
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

int make_in_store(int store, const char *name, struct fail *why)
{
    bool made;
    int fd = make_or_open_in_store(store, name, &made, why);
    if (fd < 0 || made)
        return fd;
    close(fd);
    errno = EEXIST;
    return fail_errno(why, "%s cannot be made in the store", name);
}

int make_or_open_in_store(int store, const char *name, bool *made, struct fail *why)
{
    const char *slash = strrchr(name, '/');
    char above[PATH_MAX] = ".";
    if (slash != NULL) {
        if ((size_t)(slash - name) >= sizeof above)
            return fail(why, "--root: the name is too long");
        memcpy(above, name, (size_t)(slash - name));
        above[slash - name] = '\0';
    }
    int parent = open_in_store(store, above, O_PATH | O_DIRECTORY, why);
    if (parent < 0)
        return -1;
    *made = mkdirat(parent, slash == NULL ? name : slash + 1, 0755) == 0;
    bool failed = !*made && errno != EEXIST;
    if (failed)
        fail_errno(why, "%s cannot be made in the store", name);
    close(parent);
    return failed ? -1 : open_in_store(store, name, O_RDONLY | O_DIRECTORY, why);
}
