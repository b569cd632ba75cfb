#include "verbs.h"

#include "../layers/layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef int (*store_verb)(int store, size_t count, char *const *options);

static int in_store(struct args *args, store_verb verb);
static void take_plan(struct args *args, int argc, char **argv);

/* devenv-sandbox VERB [ARGUMENT…]; "--args N" as the only argument: they come from descriptor N, NUL after each. */
int main(int argc, char **argv)
{
    umask(022);
    if (argc < 2)
        die("a verb is needed: run, enter, remove, unpack, pack");
    struct args args = {0};
    take_plan(&args, argc - 2, argv + 2);
    const char *verb = argv[1];
    if (strcmp(verb, "run") == 0)
        return cmd_run(&args);
    if (strcmp(verb, "enter") == 0)
        return cmd_enter(&args);
    if (strcmp(verb, "remove") == 0)
        return in_store(&args, remove_paths);
    if (strcmp(verb, "unpack") == 0)
        return in_store(&args, unpack_debs);
    if (strcmp(verb, "pack") == 0)
        return in_store(&args, pack);
    die("%s: not a verb", verb);
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
