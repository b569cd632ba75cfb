#include "privileges.h"

#include "../lib/syscalls.h"
#include "../lib/util.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#define CAPABILITY(name) (UINT64_C(1) << (name))

const uint64_t BUILD_CAPABILITIES =
    CAPABILITY(CAP_CHOWN) | CAPABILITY(CAP_DAC_OVERRIDE) | CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_FSETID) |
    CAPABILITY(CAP_SETGID) | CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETPCAP) | CAPABILITY(CAP_SETFCAP) |
    CAPABILITY(CAP_NET_BIND_SERVICE) | CAPABILITY(CAP_SYS_CHROOT) | CAPABILITY(CAP_KILL);
const uint64_t INIT_CAPABILITIES = CAPABILITY(CAP_KILL);

static void drop_bounding(uint64_t keep);
static void replace_null(void);
static void set_capabilities(uint64_t effective, uint64_t permitted);

void set_effective_capabilities(uint64_t set)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        die_errno("capget");
    uint64_t permitted = data[0].permitted | (uint64_t)data[1].permitted << 32;
    set_capabilities(set & permitted, permitted);
}

void give_up_capabilities(void)
{
    set_capabilities(0, 0);
}

void drop_privileges(uid_t uid, gid_t gid, uint64_t keep)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        die_errno("PR_SET_NO_NEW_PRIVS");
    /* Ambient and inheritable sets are empty since the user namespace was entered (capabilities(7)). */
    drop_bounding(keep);
    if (sys_setgroups(0, NULL) < 0)
        die_errno("setgroups");
    if (sys_setresgid(gid, gid, gid) < 0)
        die_errno("setresgid %u", (unsigned)gid);
    if (sys_setresuid(uid, uid, uid) < 0)
        die_errno("setresuid %u", (unsigned)uid);
    set_capabilities(uid == 0 ? keep : 0, uid == 0 ? keep : 0);
}

void drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        die_errno("capget");
    /* Who may not drop them has none to gain either: that is an ordinary user outside. */
    if ((data[0].effective & CAPABILITY(CAP_SETPCAP)) != 0)
        drop_bounding(0);
    set_capabilities(0, 0);
}

void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    /* What is caught falls back by itself; a caller may ignore some, of which those behind SIGSYS are nobody's. */
    for (int signal = 1; signal <= SIGSYS; signal++)
        if (signal != SIGKILL && signal != SIGSTOP && sigaction(signal, &standard, NULL) < 0)
            die_errno("sigaction %d", signal);
    sigset_t none;
    sigemptyset(&none);
    if (sigprocmask(SIG_SETMASK, &none, NULL) < 0)
        die_errno("sigprocmask");
}

void execute(const char *directory, char **command, char **environment)
{
    /* A keyring of its own, where the kernel has keyrings at all. */
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 && errno != ENOSYS && errno != EDQUOT)
        die_errno("a session keyring cannot be made");
    if (chdir(directory) < 0)
        die_errno("the directory %s cannot be entered", directory);
    char current[4096];
    /* The system call, not getcwd(3): an unreachable directory must show (CVE-2024-21626). */
    if (syscall(SYS_getcwd, current, sizeof current) < 0 || current[0] != '/')
        die("the directory %s is not below the root of the environment", directory);
    replace_null();
    install_filter();
    if (sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        die_errno("close_range");
    environ = environment;
    execvp(command[0], command);
    int code = errno == ENOENT ? 127 : 126;
    message_fd = STDERR_FILENO;
    program_name = "devenv";
    if (errno == ENOENT)
        complain("%s: command not found", command[0]);
    else
        complain("%s: %s", command[0], strerror(errno));
    _exit(code);
}

static void drop_bounding(uint64_t keep)
{
    for (int capability = 0; capability < 64; capability++) {
        if ((keep & CAPABILITY(capability)) != 0 || prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0)
            continue;
        if (errno != EINVAL || capability <= CAP_CHECKPOINT_RESTORE)
            die_errno("capability %d cannot be dropped", capability);
        /* Behind the last one that this kernel knows. */
        break;
    }
}

/* Who owns the host's /dev/null could change its mode by way of /proc/self/fd; the one inside is read-only. */
static void replace_null(void)
{
    const dev_t null = makedev(1, 3);
    for (int fd = 0; fd < 3; fd++) {
        struct stat status;
        if (fstat(fd, &status) < 0 || !S_ISCHR(status.st_mode) || status.st_rdev != null)
            continue;
        int inside = sys_openat2(AT_FDCWD, "/dev/null", O_RDWR | O_NOCTTY, RESOLVE_NO_SYMLINKS);
        if (inside < 0 || fstat(inside, &status) < 0)
            die_errno("/dev/null of the environment cannot be opened");
        if (!S_ISCHR(status.st_mode) || status.st_rdev != null)
            die("/dev/null of the environment is something else");
        if (dup2(inside, fd) < 0)
            die_errno("dup2");
        if (inside > 2)
            close(inside);
    }
}

static void set_capabilities(uint64_t effective, uint64_t permitted)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)effective, .permitted = (uint32_t)permitted},
        {.effective = (uint32_t)(effective >> 32), .permitted = (uint32_t)(permitted >> 32)},
    };
    if (syscall(SYS_capset, &header, data) < 0)
        die_errno("capset");
}
