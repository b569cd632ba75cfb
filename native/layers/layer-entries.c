#include "layer.h"

#include "../lib/whiteout.h"

#include <stdlib.h>
#include <string.h>

static int take_entry(struct layer *layer, const struct tar_entry *entry, struct tar *tar, struct fail *why);
static int make_entry(struct layer *layer, const struct tar_entry *entry, struct tar *tar, struct fail *why);
static size_t choose_xattrs(const struct tar_entry *entry, struct tar_xattr *chosen);

int layer_unpack(struct layer *layer, struct tar *tar, struct fail *why)
{
    const struct tar_entry *entry;
    /* The root is made like an implicit directory, until its own entry comes; no layer below it decides about it. */
    struct tar_entry top = {.type = TAR_DIRECTORY, .path = "", .mode = 0755};
    int got;
    if (layer_remember_directory(layer, &top, false, why) < 0)
        return -1;
    while ((got = tar_next(tar, &entry, why)) > 0)
        if (take_entry(layer, entry, tar, why) < 0)
            return -1;
    return got;
}

static int take_entry(struct layer *layer, const struct tar_entry *entry, struct tar *tar, struct fail *why)
{
    enum layer_name kind;
    char target[PATH_MAX];
    if (layer_name(entry->path, &kind, target, why) < 0)
        return -1;
    switch (kind) {
    case NAME_PLAIN:
        return make_entry(layer, entry, tar, why);
    case NAME_WHITEOUT:
    case NAME_OPAQUE:
        return layer_remember_mark(layer, target, kind == NAME_OPAQUE, why);
    case NAME_IGNORED:
        break;
    }
    return 0;
}

static int make_entry(struct layer *layer, const struct tar_entry *entry, struct tar *tar, struct fail *why)
{
    /*
     * No user namespace may make one, and none is missed: every environment gets its own /dev. The device 0:0, by which
     * overlayfs knows a whiteout, is never taken from an archive either.
     */
    if (entry->type == TAR_CHAR || entry->type == TAR_BLOCK)
        return 0;
    struct tar_entry chosen = *entry;
    struct tar_xattr *xattrs = calloc(entry->xattr_count + 1, sizeof *xattrs);
    if (xattrs == NULL)
        return fail(why, "out of memory");
    chosen.xattrs = xattrs;
    chosen.xattr_count = choose_xattrs(entry, xattrs);
    int result = layer_make_parent(layer, entry->path, why);
    if (result == 0 && entry->type == TAR_DIRECTORY) {
        /* A default ACL would be inherited by what is still to come. */
        struct tar_entry bare = chosen;
        bare.xattr_count = 0;
        result = root_make_entry(&layer->root, &bare, NULL, tar, NULL, why);
        if (result == 0)
            result = layer_remember_directory(layer, &chosen, false, why);
    } else if (result == 0) {
        result = root_make_entry(&layer->root, &chosen, NULL, tar, NULL, why);
    }
    free(xattrs);
    return result;
}

/*
 * What belongs to the file: labels of the security modules of another machine, trusted attributes and overlayfs' own
 * bookkeeping are left out, as is what Linux gives to files and directories only.
 */
static size_t choose_xattrs(const struct tar_entry *entry, struct tar_xattr *chosen)
{
    size_t count = 0;
    if (entry->type != TAR_FILE && entry->type != TAR_DIRECTORY)
        return 0;
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const char *name = entry->xattrs[i].name;
        bool overlay = strncmp(name, "user.overlay.", 13) == 0;
        if ((strncmp(name, "user.", 5) == 0 && !overlay) || strcmp(name, "security.capability") == 0 ||
            strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0)
            chosen[count++] = entry->xattrs[i];
    }
    return count;
}
