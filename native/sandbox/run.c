#include "../lib/process.h"
#include "../lib/syscalls.h"
#include "emulator.h"
#include "init.h"
#include "privileges.h"
#include "run-plan.h"
#include "verbs.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/personality.h>
#include <sys/stat.h>

#ifndef MS_SLAVE
#define MS_REC 0x4000
#define MS_SLAVE 0x80000
#endif

struct gates {
    int ready[2];
    int go[2];
};

static int supervise(const struct run_plan *plan, pid_t init, struct gates *gates);
static void record(const struct run_plan *plan, pid_t init);
__attribute__((noreturn)) static void first_process(struct run_plan *plan, struct gates *gates);
__attribute__((noreturn)) static void live(const struct run_plan *plan);
__attribute__((noreturn)) static void run_step(const struct run_plan *plan, int supervisor);
static void close_all_but(int kept);

int cmd_run(struct args *args)
{
    struct run_plan plan = read_run_plan(args);
    umask(022);
    pid_t parent = getppid();
    /* Once more below: whoever gets capabilities loses it. Nothing is made on behalf of somebody who was killed. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die_errno("PR_SET_PDEATHSIG");
    if (getppid() != parent)
        return EXIT_SANDBOX;
    int store = open_store(plan.store);
    if (fchdir(store) < 0)
        die_errno("the store %s cannot be entered", plan.store);
    close(store);
    if (geteuid() == 0) {
        open_sources(plan.operations, plan.operation_count, true);
        plan.sources_open = true;
    }
    if (plan.disk.image != NULL)
        open_disk(&plan.disk, &plan.maps);
    struct watcher watcher = start_watcher(&plan.network);
    apply_cgroups(&plan.cgroups);
    enter_user_namespace(&plan.maps);
    make_network(&plan.network, &watcher);
    if (prctl(PR_SET_DUMPABLE, 0) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die_errno("prctl");
    if (getppid() != parent)
        return EXIT_SANDBOX;
    if (unshare(CLONE_NEWPID) < 0)
        die_errno("a process namespace cannot be made");
    struct gates gates;
    if (pipe2(gates.ready, O_CLOEXEC) < 0 || pipe2(gates.go, O_CLOEXEC) < 0)
        die_errno("pipe");
    pid_t init = fork();
    if (init < 0)
        die_errno("fork");
    if (init == 0)
        first_process(&plan, &gates);
    follow(&watcher, init);
    return supervise(&plan, init, &gates);
}

/* Outside: waits until everything is mounted, writes down who it is, and only then lets it live. */
static int supervise(const struct run_plan *plan, pid_t init, struct gates *gates)
{
    close(gates->ready[1]);
    close(gates->go[0]);
    char byte;
    ssize_t got;
    while ((got = read(gates->ready[0], &byte, 1)) < 0 && errno == EINTR) {
    }
    if (got != 1) {
        int code = wait_exit_code(init);
        if (code > 128)
            die("the first process was ended by signal %d%s", code - 128,
                code == 128 + SIGKILL ? "; the memory limit may be too low" : "");
        return EXIT_SANDBOX;
    }
    if (!plan->wait || plan->pid_file != NULL)
        record(plan, init);
    if (write_all(gates->go[1], "", 1) < 0)
        die_errno("the first process is gone");
    if (plan->wait)
        return wait_exit_code(init);
    /* Whoever is told that it lives may join it at once: it closes its end when it can be joined, or has ended. */
    while (read(gates->ready[0], &byte, 1) < 0 && errno == EINTR) {
    }
    return 0;
}

static void record(const struct run_plan *plan, pid_t init)
{
    char *line = xprintf("%d %llu\n", (int)init, start_time(init));
    if (plan->pid_file != NULL) {
        char boot[BOOT_ID_SIZE];
        if (boot_id(boot) < 0)
            die("the id of this boot cannot be read");
        char *file = xprintf("%s%s", plan->pid_file, boot);
        char *temporary = xprintf("%s.new", file);
        int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0 || write_all(fd, line, strlen(line)) < 0 || close(fd) < 0)
            die_errno("%s cannot be written", temporary);
        if (rename(temporary, file) < 0)
            die_errno("%s cannot be written", file);
    }
    /* A build step's output is its own. */
    if (!plan->wait && write_all(STDOUT_FILENO, line, strlen(line)) < 0)
        die_errno("standard output cannot be written");
}

/* Inside, as process 1. */
static void first_process(struct run_plan *plan, struct gates *gates)
{
    close(gates->ready[0]);
    close(gates->go[1]);
    if (unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWCGROUP) < 0)
        die_errno("namespaces cannot be made");
    if (sys_mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        die_errno("mounts cannot be separated from the host's");
    /* Root took its copies before. Anyone else opens them here, with the rights of the user only. */
    if (!plan->sources_open) {
        set_effective_capabilities(0);
        open_sources(plan->operations, plan->operation_count, false);
        set_effective_capabilities(UINT64_MAX);
    }
    become_namespace_root();
    if (plan->emulator != NULL)
        plan->emulator_mount = register_emulator(plan->emulator);
    umask(0);
    if (plan->disk.image != NULL)
        attach_disk(&plan->disk);
    int root = mount_image(&plan->image);
    apply_operations(root, plan->operations, plan->operation_count, &plan->views, plan->network.own);
    change_root(root);
    umask(022);
    if (sethostname(plan->hostname, strlen(plan->hostname)) < 0)
        die_errno("the host name cannot be set");
    if (plan->wait && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die_errno("PR_SET_PDEATHSIG");
    char byte;
    if (write_all(gates->ready[1], "", 1) < 0 || read(gates->go[0], &byte, 1) != 1)
        _exit(EXIT_SANDBOX);
    if (plan->wait)
        run_step(plan, gates->go[0]);
    live(plan);
}

static void live(const struct run_plan *plan)
{
    if (setsid() < 0)
        die_errno("setsid");
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        die_errno("/dev/null");
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) < 0)
            die_errno("dup2");
    drop_privileges(0, 0, INIT_CAPABILITIES);
    if (prctl(PR_SET_NAME, "devenv-init") < 0)
        die_errno("PR_SET_NAME");
    /* So that the user who made the environment may join it; inside nobody has its capabilities. */
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        die_errno("PR_SET_DUMPABLE");
    /* Among them what tells supervise() that all this is done. */
    close_all_but(plan->emulator_mount);
    run_init(plan->grace);
}

/* `supervisor` is a pipe whose other end closes when the process outside does. */
static void run_step(const struct run_plan *plan, int supervisor)
{
    pid_t child = fork();
    if (child < 0)
        die_errno("fork");
    if (child == 0) {
        reset_signals();
        /* Addresses get into what programs write: the order of Python's sets is that of addresses. */
        if (personality(ADDR_NO_RANDOMIZE) < 0)
            die_errno("personality");
        drop_privileges(plan->uid, plan->gid, BUILD_CAPABILITIES);
        execute(plan->directory, plan->command, plan->environment);
    }
    drop_privileges(0, 0, INIT_CAPABILITIES);
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die_errno("PR_SET_PDEATHSIG");
    /* As in live(): whoever is to enter it has to be the user who made it. */
    if (plan->pid_file != NULL && prctl(PR_SET_DUMPABLE, 1) < 0)
        die_errno("PR_SET_DUMPABLE");
    /* The change of identity cleared it for a moment, and a parent outside has no number whose change could be seen. */
    struct pollfd end = {.fd = supervisor};
    if (poll(&end, 1, 0) != 0)
        _exit(EXIT_SANDBOX);
    close_all_but(plan->emulator_mount);
    _exit(reap_until(child));
}

static void close_all_but(int kept)
{
    if ((kept > 3 && sys_close_range(3, (unsigned)kept - 1, 0) < 0) ||
        sys_close_range(kept < 0 ? 3 : (unsigned)kept + 1, ~0U, 0) < 0)
        die_errno("close_range");
}
