#include "layer.h"

#include "../lib/util.h"

#include <stdlib.h>
#include <string.h>

/* Far more than any image needs, and little enough for any host. */
static const size_t held_most = 512 * 1024 * 1024;

static void copy_xattrs(struct tar_entry *entry);
static int finish_directory(struct layer *layer, const struct layer_directory *directory, const char *implicit_mark,
                            struct fail *why);
static int by_inode(const void *left, const void *right);

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
    if (layer_remember_directory(layer, &entry, true, layer->why) < 0)
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

int layer_remember_directory(struct layer *layer, const struct tar_entry *entry, bool implicit, struct fail *why)
{
    struct stat status;
    size_t size = sizeof *layer->directories + strlen(entry->path);
    for (size_t i = 0; i < entry->xattr_count; i++)
        size += sizeof *entry->xattrs + strlen(entry->xattrs[i].name) + entry->xattrs[i].size;
    if (root_status(&layer->root, entry->path, &status, why) <= 0 || layer_hold(layer, size, why) < 0)
        return -1;
    layer->directories = xgrow(layer->directories, layer->directory_count, sizeof *layer->directories);
    struct layer_directory *directory = &layer->directories[layer->directory_count];
    *directory = (struct layer_directory){*entry, status.st_ino, layer->directory_count, implicit};
    directory->entry.path = xprintf("%s", entry->path);
    copy_xattrs(&directory->entry);
    layer->directory_count++;
    return 0;
}

void layer_sort_directories(struct layer *layer)
{
    if (layer->directory_count > 1)
        qsort(layer->directories, layer->directory_count, sizeof *layer->directories, by_inode);
    layer->sorted = layer->directory_count;
}

void layer_replaces(struct layer *layer, ino_t inode)
{
    size_t from = 0, to = layer->sorted;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (layer->directories[middle].inode < inode)
            from = middle + 1;
        else
            to = middle;
    }
    for (; from < layer->sorted && layer->directories[from].inode == inode; from++)
        layer->directories[from].implicit = false;
}

int layer_remember_mark(struct layer *layer, const char *path, bool opaque, struct fail *why)
{
    if (layer_hold(layer, sizeof *layer->marks + strlen(path), why) < 0)
        return -1;
    layer->marks = xgrow(layer->marks, layer->mark_count, sizeof *layer->marks);
    layer->marks[layer->mark_count++] = (struct layer_mark){xprintf("%s", path), opaque};
    return 0;
}

int layer_finish_directories(struct layer *layer, const char *implicit_mark, struct fail *why)
{
    /* Of several records of one directory the last holds. */
    layer_sort_directories(layer);
    size_t kept = 0;
    for (size_t i = 0; i < layer->directory_count; i++)
        if (i + 1 == layer->directory_count || layer->directories[i].inode != layer->directories[i + 1].inode)
            layer->directories[kept++] = layer->directories[i];
    layer->directory_count = kept;
    for (size_t i = 0; i < kept; i++)
        if (finish_directory(layer, &layer->directories[i], implicit_mark, why) < 0)
            return -1;
    return 0;
}

int layer_hold(struct layer *layer, size_t size, struct fail *why)
{
    layer->held += size;
    return layer->held > held_most ? fail(why, "the layer has more directories and whiteouts than can be kept in mind")
                                   : 0;
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

static int finish_directory(struct layer *layer, const struct layer_directory *directory, const char *implicit_mark,
                            struct fail *why)
{
    const struct tar_entry *entry = &directory->entry;
    struct stat status;
    struct fail gone;
    /* A later entry took its place, perhaps with its number. */
    if (root_status(&layer->root, entry->path, &status, &gone) <= 0 || !S_ISDIR(status.st_mode) ||
        status.st_ino != directory->inode)
        return 0;
    if (directory->implicit && implicit_mark != NULL &&
        root_mark_directory(&layer->root, entry->path, implicit_mark, "y", why) < 0)
        return -1;
    return root_finish_directory(&layer->root, entry, why);
}

static int by_inode(const void *left, const void *right)
{
    const struct layer_directory *a = left, *b = right;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}
