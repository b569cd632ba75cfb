#include "../lib/process.h"
#include "../lib/syscalls.h"
#include "cgroup-view.h"
#include "cgroup.h"
#include "disk.h"
#include "emulator.h"
#include "init.h"
#include "mounts.h"
#include "network.h"
#include "privileges.h"
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

/*
 * --uid-map, --gid-map INSIDE:OUTSIDE:COUNT
 * --store DIRECTORY            what the next four are relative to
 * --layer NAME…                lowest first; with --upper NAME and --work NAME, made when they are not there;
 *                              --volatile: nothing is synced
 * --root NAME                  or: this directory itself is the root
 * --disk FILE DIRECTORY        root of the host only: a file with an ext4 file system that is seen as DIRECTORY
 * --renew                      what is in the upper and the work directory is removed first
 * --own-bind NAME TARGET UID GID: a directory relative to the store, made with this owner when it is not there;
 * --bind SOURCE TARGET, --ro-bind SOURCE TARGET, --proc, --dev, --sys, --tmpfs TARGET MODE UID GID,
 * --mkdir TARGET MODE UID GID, --file TARGET MODE UID GID CONTENT, --symlink TARGET CONTENT, --mask TARGET,
 * --readonly TARGET            done in this order
 * --hostname NAME
 * --emulator REGISTRATION      see emulator.h
 * --network…                   see network.h
 * --cgroup-make, --cgroup-write, --cgroup-join      see cgroup.h
 * --cgroup-view                see cgroup-view.h
 * --pid-file PREFIX            PREFIX with the id of this boot behind it is the file that gets "PID STARTTIME" before
 *                              the environment lives; it dies when that fails. A build step can be entered with it
 * --grace MILLISECONDS         between SIGTERM and SIGKILL when the environment ends
 * --wait --uid N --gid N --cwd DIRECTORY --env NAME=VALUE… -- COMMAND…     a build step instead
 */
struct plan {
    struct id_maps maps;
    struct cgroup_plan cgroups;
    struct group_views views;
    struct root_image image;
    struct disk disk;
    struct operation *operations;
    size_t operation_count;
    bool sources_open;
    const char *store;
    const char *hostname;
    const char *pid_file;
    const char *emulator;
    /* Stays open while the first process lives; -1 where there is none. */
    int emulator_mount;
    struct network_plan network;
    bool wait;
    unsigned grace;
    uid_t uid;
    gid_t gid;
    const char *directory;
    char **environment;
    size_t environment_count;
    char **command;
};

struct gates {
    int ready[2];
    int go[2];
};

static void parse(struct plan *plan, struct args *args);
static bool image_option(struct root_image *image, const char *option, struct args *args);
static bool operation_option(struct plan *plan, const char *option, struct args *args);
static bool command_option(struct plan *plan, const char *option, struct args *args);
static void owner(struct operation *operation, const char *option, struct args *args);
static int supervise(const struct plan *plan, pid_t init, struct gates *gates);
static void record(const struct plan *plan, pid_t init);
__attribute__((noreturn)) static void first_process(struct plan *plan, struct gates *gates);
__attribute__((noreturn)) static void live(const struct plan *plan, int told);
__attribute__((noreturn)) static void run_step(const struct plan *plan, int supervisor);
static void close_all_but(int one, int other);

int cmd_run(struct args *args)
{
    struct plan plan = {.grace = 2000, .directory = "/", .hostname = "devenv", .emulator_mount = -1};
    parse(&plan, args);
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

static void parse(struct plan *plan, struct args *args)
{
    char *option;
    while ((option = args_take(args)) != NULL && strcmp(option, "--") != 0) {
        if (id_maps_option(&plan->maps, option, args) || cgroup_option(&plan->cgroups, option, args) ||
            group_view_option(&plan->views, option, args) ||
            network_option(&plan->network, option, args) || image_option(&plan->image, option, args) ||
            operation_option(plan, option, args) || command_option(plan, option, args))
            continue;
        if (strcmp(option, "--store") == 0)
            plan->store = args_value(args, option);
        else if (strcmp(option, "--disk") == 0) {
            plan->disk.image = args_value(args, option);
            plan->disk.place = args_value(args, option);
        }
        else if (strcmp(option, "--hostname") == 0)
            plan->hostname = args_value(args, option);
        else if (strcmp(option, "--emulator") == 0)
            plan->emulator = args_value(args, option);
        else if (strcmp(option, "--pid-file") == 0)
            plan->pid_file = args_value(args, option);
        else if (strcmp(option, "--grace") == 0)
            plan->grace = (unsigned)args_number(args, option, 3600 * 1000);
        else
            die("run: %s: not an option", option);
    }
    if (plan->store == NULL)
        die("run: --store is needed");
    if ((plan->image.directory == NULL) == (plan->image.layer_count == 0))
        die("run: either --root or --layer is needed");
    if (plan->wait != (args->next < args->count))
        die("run: --wait and a command belong together");
    /* The vectors end with NULL for execve(). */
    plan->environment = xgrow(plan->environment, plan->environment_count, sizeof *plan->environment);
    plan->environment[plan->environment_count] = NULL;
    size_t words = args->count - args->next;
    plan->command = xcalloc(words + 1, sizeof *plan->command);
    for (size_t i = 0; i < words; i++)
        plan->command[i] = args->items[args->next + i];
}

static bool image_option(struct root_image *image, const char *option, struct args *args)
{
    if (strcmp(option, "--layer") == 0) {
        image->layers = xgrow(image->layers, image->layer_count, sizeof *image->layers);
        image->layers[image->layer_count++] = args_value(args, option);
    } else if (strcmp(option, "--upper") == 0)
        image->upper = args_value(args, option);
    else if (strcmp(option, "--work") == 0)
        image->work = args_value(args, option);
    else if (strcmp(option, "--root") == 0)
        image->directory = args_value(args, option);
    else if (strcmp(option, "--volatile") == 0)
        image->without_sync = true;
    else if (strcmp(option, "--renew") == 0)
        image->renew = true;
    else
        return false;
    return true;
}

static bool operation_option(struct plan *plan, const char *option, struct args *args)
{
    static const struct {
        const char *option;
        enum operation_kind kind;
    } known[] = {
        {"--own-bind", OPERATION_OWN},
        {"--bind", OPERATION_BIND},   {"--ro-bind", OPERATION_BIND}, {"--proc", OPERATION_PROC},
        {"--dev", OPERATION_DEV},     {"--sys", OPERATION_SYS},      {"--tmpfs", OPERATION_TMPFS},
        {"--mkdir", OPERATION_MKDIR}, {"--file", OPERATION_FILE},    {"--symlink", OPERATION_SYMLINK},
        {"--mask", OPERATION_MASK},   {"--readonly", OPERATION_READONLY},
    };
    size_t index = 0;
    while (index < sizeof known / sizeof known[0] && strcmp(known[index].option, option) != 0)
        index++;
    if (index == sizeof known / sizeof known[0])
        return false;
    struct operation operation = {.kind = known[index].kind, .readonly = strcmp(option, "--ro-bind") == 0};
    switch (operation.kind) {
    case OPERATION_PROC:
    case OPERATION_DEV:
    case OPERATION_SYS:
        break;
    case OPERATION_BIND:
        operation.source = args_value(args, option);
        operation.target = args_value(args, option);
        break;
    case OPERATION_OWN:
        operation.source = args_value(args, option);
        operation.target = args_value(args, option);
        operation.uid = (uid_t)args_number(args, option, UINT32_MAX - 1);
        operation.gid = (gid_t)args_number(args, option, UINT32_MAX - 1);
        break;
    case OPERATION_MASK:
    case OPERATION_READONLY:
        operation.target = args_value(args, option);
        break;
    case OPERATION_SYMLINK:
        operation.target = args_value(args, option);
        operation.content = args_value(args, option);
        break;
    case OPERATION_TMPFS:
    case OPERATION_MKDIR:
        owner(&operation, option, args);
        break;
    case OPERATION_FILE:
        owner(&operation, option, args);
        operation.content = args_value(args, option);
        break;
    }
    plan->operations = xgrow(plan->operations, plan->operation_count, sizeof operation);
    plan->operations[plan->operation_count++] = operation;
    return true;
}

static bool command_option(struct plan *plan, const char *option, struct args *args)
{
    if (strcmp(option, "--wait") == 0)
        plan->wait = true;
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
        return false;
    return true;
}

static void owner(struct operation *operation, const char *option, struct args *args)
{
    operation->target = args_value(args, option);
    operation->mode = args_mode(args, option);
    operation->uid = (uid_t)args_number(args, option, UINT32_MAX - 1);
    operation->gid = (gid_t)args_number(args, option, UINT32_MAX - 1);
}

/* Outside: waits until everything is mounted, writes down who it is, and only then lets it live. */
static int supervise(const struct plan *plan, pid_t init, struct gates *gates)
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

static void record(const struct plan *plan, pid_t init)
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
static void first_process(struct plan *plan, struct gates *gates)
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
    live(plan, gates->ready[1]);
}

/* `told` is a pipe whose other end the process outside reads until it is closed. */
static void live(const struct plan *plan, int told)
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
    close_all_but(told, plan->emulator_mount);
    if (prctl(PR_SET_NAME, "devenv-init") < 0)
        die_errno("PR_SET_NAME");
    /* So that the user who made the environment may join it; inside nobody has its capabilities. */
    if (prctl(PR_SET_DUMPABLE, 1) < 0)
        die_errno("PR_SET_DUMPABLE");
    close(told);
    run_init(plan->grace);
}

/* `supervisor` is a pipe whose other end closes when the process outside does. */
static void run_step(const struct plan *plan, int supervisor)
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
    close_all_but(-1, plan->emulator_mount);
    _exit(reap_until(child));
}

/* Of what is open behind the standard descriptors; -1 is none. */
static void close_all_but(int one, int other)
{
    int first = one < other ? one : other;
    int last = one < other ? other : one;
    unsigned from = 3;
    for (int i = 0; i < 2; i++) {
        int kept = i == 0 ? first : last;
        if (kept < 0)
            continue;
        if ((unsigned)kept > from && sys_close_range(from, (unsigned)kept - 1, 0) < 0)
            die_errno("close_range");
        from = (unsigned)kept + 1;
    }
    if (sys_close_range(from, ~0U, 0) < 0)
        die_errno("close_range");
}
