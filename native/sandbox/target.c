#include "target.h"

#include "../lib/process.h"
#include "../lib/syscalls.h"

#include <errno.h>
#include <string.h>

bool target_option(struct target *target, const char *option, struct args *args)
{
    if (strcmp(option, "--pid") == 0)
        target->pid = (pid_t)args_number(args, option, INT32_MAX);
    else if (strcmp(option, "--starttime") == 0)
        target->start = args_number(args, option, UINT64_MAX);
    else
        return false;
    return true;
}

bool is_target(const struct target *target)
{
    return target->pid != 0 && target->start != 0;
}

int open_target(const struct target *target)
{
    int pidfd = sys_pidfd_open(target->pid);
    if (pidfd < 0 && errno != ESRCH)
        die_errno("process %d cannot be opened", (int)target->pid);
    if (pidfd >= 0 && start_time(target->pid) != target->start) {
        close(pidfd);
        return -1;
    }
    return pidfd;
}
