#include "layers.h"

#include "../lib/userns.h"
#include "../lib/util.h"

#include <string.h>
#include <sys/stat.h>

/**
 * devenv-layers VERB [ARGUMENT…]; "--args N" as the only argument: they come from descriptor N, NUL after each. All
 * verbs begin with --uid-map, --gid-map and --store, and work as root of the user namespace with these maps.
 */
int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(int store, size_t count, char *const *options);
    } verbs[] = {
        {"remove", remove_paths}, {"unpack", unpack_debs}, {"unpack-layer", unpack_layer}, {"graft", graft},
        {"pack", pack},           {"list", list},          {"settle", settle},             {"digest", digest_files},
        {"measure", measure},
    };
    program_name = "devenv-layers";
    umask(022);
    if (argc < 2)
        die("a verb is needed: remove, unpack, unpack-layer, graft, pack, list, settle, digest, measure");
    size_t verb = 0;
    while (verb < sizeof verbs / sizeof verbs[0] && strcmp(verbs[verb].name, argv[1]) != 0)
        verb++;
    if (verb == sizeof verbs / sizeof verbs[0])
        die("%s: not a verb", argv[1]);
    struct args args;
    args_of_command(&args, argc - 2, argv + 2);
    struct id_maps maps = {0};
    int store = -1;
    while (args.next < args.count) {
        const char *option = args.items[args.next++];
        if (id_maps_option(&maps, option, &args))
            continue;
        if (strcmp(option, "--store") != 0) {
            args.next--;
            break;
        }
        store = open_store(args_value(&args, option));
    }
    if (store < 0)
        die("--store is needed");
    enter_mapped_userns(&maps);
    return verbs[verb].run(store, args.count - args.next, args.items + args.next);
}
