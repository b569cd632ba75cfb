#include "layer.h"

#include "../lib/util.h"
#include "../lib/whiteout.h"

#include <stdlib.h>
#include <string.h>

/* Far more than any image needs, and little enough for any host. */
static const size_t held_most = 512 * 1024 * 1024;

static int take_entry(struct layer *layer, const struct tar_entry *entry, struct tar *tar, struct fail *why);
static int make_entry(struct layer *layer, const struct tar_entry *entry, struct tar *tar, struct fail *why);
static int remember_directory(struct layer *layer, const struct tar_entry *entry, bool implicit, struct fail *why);
static int remember_mark(struct layer *layer, const char *path, bool opaque, struct fail *why);
static size_t choose_xattrs(const struct tar_entry *entry, struct tar_xattr *chosen);
static void copy_xattrs(struct tar_entry *entry);

int layer_unpack(struct layer *layer, struct tar *tar, struct fail *why)
{
    const struct tar_entry *entry;
    /* The root is made like an implicit directory, until its own entry comes; no layer below it decides about it. */
    struct tar_entry top = {.type = TAR_DIRECTORY, .path = "", .mode = 0755};
    int got;
    if (remember_directory(layer, &top, false, why) < 0)
        return -1;
    while ((got = tar_next(tar, &entry, why)) > 0)
        if (take_entry(layer, entry, tar, why) < 0)
            return -1;
    return got;
}

int layer_make_parent(struct layer *layer, const char *path, struct fail *why)
{
    const char *slash = strrchr(path, '/'), *name;
    struct fail missing;
    if (slash == NULL || root_parent(&layer->root, path, &name, &missing) >= 0)
        return 0;
    char *parent = xprintf("%.*s", (int)(slash - path), path);
    int result = layer_make_directory(layer, parent, why);
    free(parent);
    return result < 0 ? result : root_parent(&layer->root, path, &name, why) < 0 ? -1 : 0;
}

static void made_implicitly(void *context, const char *path)
{
    struct layer *layer = context;
    /* The same for everyone, whenever it is unpacked. */
    struct tar_entry entry = {.type = TAR_DIRECTORY, .path = path, .mode = 0755};
    if (remember_directory(layer, &entry, true, layer->why) < 0)
        layer->failed = true;
}

int layer_make_directory(struct layer *layer, const char *path, struct fail *why)
{
    struct fail inner;
    struct path_hook hook = {made_implicitly, layer};
    layer->why = &inner;
    int result = root_make_directories(&layer->root, path, &hook, why);
    if (result == 0 && layer->failed) {
        *why = inner;
        result = -1;
    }
    return result;
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
        return remember_mark(layer, target, kind == NAME_OPAQUE, why);
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
            result = remember_directory(layer, &chosen, false, why);
    } else if (result == 0) {
        result = root_make_entry(&layer->root, &chosen, NULL, tar, NULL, why);
    }
    free(xattrs);
    return result;
}

static int hold(struct layer *layer, size_t size, struct fail *why)
{
    layer->held += size;
    return layer->held > held_most ? fail(why, "the layer has more directories and whiteouts than can be kept in mind")
                                   : 0;
}

static int remember_directory(struct layer *layer, const struct tar_entry *entry, bool implicit, struct fail *why)
{
    struct stat status;
    size_t size = sizeof *layer->directories + strlen(entry->path);
    for (size_t i = 0; i < entry->xattr_count; i++)
        size += sizeof *entry->xattrs + strlen(entry->xattrs[i].name) + entry->xattrs[i].size;
    if (root_status(&layer->root, entry->path, &status, why) <= 0 || hold(layer, size, why) < 0)
        return -1;
    layer->directories = xgrow(layer->directories, layer->directory_count, sizeof *layer->directories);
    struct layer_directory *directory = &layer->directories[layer->directory_count];
    *directory = (struct layer_directory){*entry, status.st_ino, layer->directory_count, implicit};
    directory->entry.path = xprintf("%s", entry->path);
    copy_xattrs(&directory->entry);
    layer->directory_count++;
    return 0;
}

static int remember_mark(struct layer *layer, const char *path, bool opaque, struct fail *why)
{
    if (hold(layer, sizeof *layer->marks + strlen(path), why) < 0)
        return -1;
    layer->marks = xgrow(layer->marks, layer->mark_count, sizeof *layer->marks);
    layer->marks[layer->mark_count++] = (struct layer_mark){xprintf("%s", path), opaque};
    return 0;
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

static void copy_xattrs(struct tar_entry *entry)
{
    struct tar_xattr *copies = xcalloc(entry->xattr_count + 1, sizeof *copies);
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct tar_xattr *xattr = &entry->xattrs[i];
        char *value = xcalloc(1, xattr->size + 1);
        memcpy(value, xattr->value, xattr->size);
        copies[i] = (struct tar_xattr){xprintf("%s", xattr->name), value, xattr->size};
    }
    entry->xattrs = copies;
}
