#include "../lib/tar.h"
#include "../lib/whiteout.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* The name of an entry of a layer. Whatever it hides must be a path that cannot leave the root. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char name[3 * PATH_MAX], path[PATH_MAX], target[PATH_MAX], again[PATH_MAX];
    enum layer_name kind;
    struct fail why;
    if (size >= sizeof name)
        return 0;
    memcpy(name, data, size);
    name[size] = '\0';
    if (tar_clean_path(name, path, &why) < 0 || layer_name(path, &kind, target, &why) < 0)
        return 0;
    if (kind == NAME_PLAIN && strstr(path, "/.wh.") != NULL)
        abort();
    if (kind != NAME_WHITEOUT && kind != NAME_OPAQUE)
        return 0;
    if (tar_clean_path(target, again, &why) < 0 || strcmp(again, target) != 0 || strlen(target) >= strlen(path) ||
        (kind == NAME_WHITEOUT && target[0] == '\0'))
        abort();
    if (compare_paths(path, path) != 0 || compare_paths(path, target) != -compare_paths(target, path))
        abort();
    return 0;
}
