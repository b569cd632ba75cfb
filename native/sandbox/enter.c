#include "../lib/syscalls.h"
#include "cgroup.h"
#include "network.h"
#include "privileges.h"
#include "pty.h"
#include "target.h"
#include "verbs.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define EXIT_GONE 124

/*
 * --pid N --starttime N        the environment's first process, as run wrote it down;
 * --pidfd N                    or a descriptor of it that the launcher has checked
 * --network host|none|private  as run had it
 * --network-ready FILE         waits until the network is there, see await_network()
 * --cgroup-join DIRECTORY…, --cgroup-scope RUNTIME SLICE   see cgroup.h
 * --with-parent                ends when the process that started it does
 * --builder                    root keeps what it has in a build step
 * --uid N --gid N --cwd DIRECTORY --env NAME=VALUE… -- COMMAND…
 */
struct plan {
    struct target target;
    int pidfd;
    bool own_network;
    const char *network_ready;
    bool with_parent;
    bool builder;
    struct cgroup_plan cgroups;
    uid_t uid;
    gid_t gid;
    const char *directory;
    char **environment;
    size_t environment_count;
    char **command;
};

static void parse(struct plan *plan, struct args *args);
static int open_environment(const struct plan *plan);
static void join(const struct plan *plan, int pidfd);
static void block_signals(sigset_t *set, const struct terminal *terminal);
static void end_with(pid_t parent, const struct terminal *terminal);
__attribute__((noreturn)) static void become_command(const struct plan *plan, const struct terminal *terminal);
static int relay(pid_t child, const sigset_t *signals, struct terminal *terminal);
static int relay_terminal(pid_t child, const sigset_t *set, struct terminal *terminal);
static void forward(pid_t child, int signal, bool from_kernel);
static bool ended(pid_t child, int *code);

int cmd_enter(struct args *args)
{
    struct plan plan = {.directory = "/", .pidfd = -1};
    parse(&plan, args);
    pid_t parent = plan.with_parent ? getppid() : 0;
    if (plan.network_ready != NULL)
        await_network(plan.network_ready);
    int pidfd = plan.pidfd >= 0 ? plan.pidfd : open_environment(&plan);
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        die_errno("PR_SET_DUMPABLE");
    apply_cgroups(&plan.cgroups);
    join(&plan, pidfd);
    close(pidfd);
    struct terminal terminal;
    open_terminal(&terminal, plan.uid);
    sigset_t signals;
    block_signals(&signals, &terminal);
    if (plan.with_parent)
        end_with(parent, &terminal);
    pid_t child = sys_fork();
    if (child < 0 && errno == EAGAIN)
        die("the environment has as many processes as its limits allow; end some, or stop it: devenv down");
    if (child < 0)
        die_errno("fork");
    if (child == 0)
        become_command(&plan, &terminal);
    give_up_capabilities();
    return relay(child, &signals, &terminal);
}

static void parse(struct plan *plan, struct args *args)
{
    char *option;
    while ((option = args_take(args)) != NULL && strcmp(option, "--") != 0) {
        if (target_option(&plan->target, option, args) || cgroup_option(&plan->cgroups, option, args))
            continue;
        if (strcmp(option, "--pidfd") == 0)
            plan->pidfd = (int)args_number(args, option, 1023);
        else if (strcmp(option, "--network") == 0)
            plan->own_network = network_is_own(args_value(args, option));
        else if (strcmp(option, "--network-ready") == 0)
            plan->network_ready = args_value(args, option);
        else if (strcmp(option, "--with-parent") == 0)
            plan->with_parent = true;
        else if (strcmp(option, "--builder") == 0)
            plan->builder = true;
        else if (strcmp(option, "--uid") == 0)
            plan->uid = (uid_t)args_number(args, option, UINT32_MAX - 1);
        else if (strcmp(option, "--gid") == 0)
            plan->gid = (gid_t)args_number(args, option, UINT32_MAX - 1);
        else if (strcmp(option, "--cwd") == 0)
            plan->directory = args_value(args, option);
        else if (strcmp(option, "--env") == 0) {
            plan->environment = xgrow(plan->environment, plan->environment_count, sizeof *plan->environment);
            plan->environment[plan->environment_count++] = args_value(args, option);
        } else
            die("enter: %s: not an option", option);
    }
    size_t words = args->count - args->next;
    if ((plan->pidfd < 0 && !is_target(&plan->target)) || words == 0)
        die("enter: --pid, --starttime and a command are needed");
    plan->environment = xgrow(plan->environment, plan->environment_count, sizeof *plan->environment);
    plan->environment[plan->environment_count] = NULL;
    plan->command = xcalloc(words + 1, sizeof *plan->command);
    memcpy(plan->command, args->items + args->next, words * sizeof *plan->command);
}

static int open_environment(const struct plan *plan)
{
    int pidfd = open_target(&plan->target);
    if (pidfd < 0) {
        complain("process %d is not the environment any more", (int)plan->target.pid);
        _exit(EXIT_GONE);
    }
    return pidfd;
}

static void join(const struct plan *plan, int pidfd)
{
    int namespaces = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP |
                     (plan->own_network ? CLONE_NEWNET : 0);
    if (setns(pidfd, namespaces) < 0)
        die_errno("the environment cannot be joined");
}

/* With a terminal by way of a signal that is passed on, so that the terminal is put back in order. */
static void end_with(pid_t parent, const struct terminal *terminal)
{
    if (prctl(PR_SET_PDEATHSIG, terminal->used ? SIGHUP : SIGKILL) < 0)
        die_errno("PR_SET_PDEATHSIG");
    if (getppid() != parent)
        _exit(EXIT_SANDBOX);
}

static void block_signals(sigset_t *set, const struct terminal *terminal)
{
    static const int forwarded[] = {SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH};
    sigemptyset(set);
    for (size_t i = 0; i < sizeof forwarded / sizeof forwarded[0]; i++)
        sigaddset(set, forwarded[i]);
    /* A caller that ignores it would have the kernel reap what is waited for here. */
    if (sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, NULL) < 0)
        die_errno("sigaction");
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    if (terminal->used && (sigaction(SIGPIPE, &ignored, NULL) < 0 || sigaction(SIGTTOU, &ignored, NULL) < 0))
        die_errno("sigaction");
    if (sigprocmask(SIG_SETMASK, set, NULL) < 0)
        die_errno("sigprocmask");
}

static void become_command(const struct plan *plan, const struct terminal *terminal)
{
    reset_signals();
    /* Not in the session of the host's terminal, which /dev/tty would open. */
    if (setsid() < 0)
        die_errno("setsid");
    use_terminal(terminal);
    umask(022);
    drop_privileges(plan->uid, plan->gid, plan->builder ? BUILD_CAPABILITIES : 0);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die_errno("PR_SET_PDEATHSIG");
    /* The parent is outside this process namespace, and so has no number, as long as it lives. */
    if (getppid() != 0)
        _exit(EXIT_SANDBOX);
    execute(plan->directory, plan->command, plan->environment);
}

static int relay(pid_t child, const sigset_t *signals, struct terminal *terminal)
{
    int code;
    if (terminal->used)
        return relay_terminal(child, signals, terminal);
    for (;;) {
        siginfo_t info;
        int signal = sigwaitinfo(signals, &info);
        if (signal == SIGCHLD && ended(child, &code))
            return code;
        if (signal > 0 && signal != SIGCHLD && signal != SIGWINCH)
            forward(child, signal, info.si_code == SI_KERNEL);
    }
}

static int relay_terminal(pid_t child, const sigset_t *set, struct terminal *terminal)
{
    int signals = signalfd(-1, set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (signals < 0)
        die_errno("signalfd");
    start_relay(terminal);
    for (;;) {
        relay_once(terminal, signals);
        struct signalfd_siginfo signal;
        while (read(signals, &signal, sizeof signal) == sizeof signal) {
            int code;
            if (signal.ssi_signo == SIGWINCH) {
                resize_terminal(terminal);
            } else if (signal.ssi_signo != SIGCHLD) {
                forward(child, (int)signal.ssi_signo, signal.ssi_code == SI_KERNEL);
            } else if (ended(child, &code)) {
                finish_relay(terminal);
                return code;
            }
        }
    }
}

/* What the host's terminal sent was for the whole job, which is another session inside; the rest is for the command. */
static void forward(pid_t child, int signal, bool from_kernel)
{
    if (kill(from_kernel ? -child : child, signal) < 0 && errno != ESRCH)
        complain("signal %d cannot be passed on: %s", signal, strerror(errno));
}

static bool ended(pid_t child, int *code)
{
    int status;
    if (waitpid(child, &status, WNOHANG) != child)
        return false;
    *code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return true;
}
