#include "verbs.h"

#include "../layers/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

typedef int (*store_verb)(int store, size_t count, char *const *options);

static void run_from_copy(char **argv);
static int in_store(struct args *args, store_verb verb);
static void take_plan(struct args *args, int argc, char **argv);

/* devenv-sandbox VERB [ARGUMENT…]; "--args N" as the only argument: they come from descriptor N, NUL after each. */
int main(int argc, char **argv)
{
    umask(022);
    if (argc < 2)
        die("a verb is needed: run, enter, remove, unpack, unpack-layer, graft, pack, list, settle");
    struct args args = {0};
    const char *verb = argv[1];
    if (strcmp(verb, "run") == 0 || strcmp(verb, "enter") == 0)
        run_from_copy(argv);
    take_plan(&args, argc - 2, argv + 2);
    if (strcmp(verb, "run") == 0)
        return cmd_run(&args);
    if (strcmp(verb, "enter") == 0)
        return cmd_enter(&args);
    if (strcmp(verb, "remove") == 0)
        return in_store(&args, remove_paths);
    if (strcmp(verb, "unpack") == 0)
        return in_store(&args, unpack_debs);
    if (strcmp(verb, "unpack-layer") == 0)
        return in_store(&args, unpack_layer);
    if (strcmp(verb, "graft") == 0)
        return in_store(&args, graft);
    if (strcmp(verb, "pack") == 0)
        return in_store(&args, pack);
    if (strcmp(verb, "list") == 0)
        return in_store(&args, list);
    if (strcmp(verb, "settle") == 0)
        return in_store(&args, settle);
    die("%s: not a verb", verb);
}

/*
 * Goes on in a copy that is in memory only. A command inside may be a link to /proc/self/exe, or a script for it, and
 * what comes to light then is not to be the file on the host, which may belong to the developer (CVE-2019-5736).
 */
static void run_from_copy(char **argv)
{
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (own < 0 || fstat(own, &status) < 0)
        die_errno("/proc/self/exe cannot be opened");
    int present = fcntl(own, F_GET_SEALS);
    if (present >= 0 && (present & seals) == seals) {
        /* Else the process is called like the number of a descriptor. */
        if (prctl(PR_SET_NAME, "devenv-sandbox") < 0)
            die_errno("PR_SET_NAME");
        close(own);
        return;
    }
    int copy = memfd_create("devenv-sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    /* Before Linux 6.3 nothing has to be said about execution. */
    if (copy < 0 && errno == EINVAL)
        copy = memfd_create("devenv-sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0)
        die_errno("no program can be put into memory (sysctl vm.memfd_noexec must be 0 or 1)");
    void *program = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, own, 0);
    if (program == MAP_FAILED || write_all(copy, program, (size_t)status.st_size) < 0)
        die_errno("/proc/self/exe cannot be copied");
    if (fcntl(copy, F_ADD_SEALS, seals) < 0)
        die_errno("the copy of /proc/self/exe cannot be sealed");
    fexecve(copy, argv, environ);
    die_errno("the copy of /proc/self/exe cannot be started");
}

/* Verbs that work on the store as root of the user namespace begin with --uid-map, --gid-map and --store. */
static int in_store(struct args *args, store_verb verb)
{
    struct id_maps maps = {0};
    int store = -1;
    while (args->next < args->count) {
        const char *option = args->items[args->next++];
        if (id_maps_option(&maps, option, args))
            continue;
        if (strcmp(option, "--store") != 0) {
            args->next--;
            break;
        }
        store = open_store(args_value(args, option));
    }
    if (store < 0)
        die("--store is needed");
    enter_mapped_userns(&maps);
    return verb(store, args->count - args->next, args->items + args->next);
}

int open_store(const char *path)
{
    int store = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (store < 0)
        die_errno("the store %s cannot be opened", path);
    return store;
}

bool network_is_own(const char *network)
{
    bool own = strcmp(network, "none") == 0;
    if (!own && strcmp(network, "host") != 0)
        die("--network %s: not host or none", network);
    return own;
}

static void take_plan(struct args *args, int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[0], "--args") == 0) {
        args_read(args, (int)number("--args", argv[1], 1023));
    } else {
        args->items = argv;
        args->count = (size_t)argc;
    }
    if (args->count >= 2 && strcmp(args->items[0], "--status") == 0) {
        message_fd = (int)number("--status", args->items[1], 1023);
        if (fcntl(message_fd, F_SETFD, FD_CLOEXEC) < 0)
            die_errno("--status %d", message_fd);
        args->next = 2;
    }
}
