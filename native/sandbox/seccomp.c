#include "privileges.h"

#include "../lib/util.h"
#include "filter.h"

#include <linux/seccomp.h>
#include <sys/syscall.h>
#include <unistd.h>

void install_filter(void)
{
    struct sock_filter code[FILTER_MOST];
    struct sock_fprog program = {.filter = code, .len = (unsigned short)build_filter(code)};
    if (program.len == 0)
        die("the system call filter is too long");
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        die_errno("the system call filter cannot be installed");
}
