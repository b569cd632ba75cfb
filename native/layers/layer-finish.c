#include "layer.h"

#include "../lib/whiteout.h"

#include <stdlib.h>
#include <string.h>

static int make_opaque(struct layer *layer, const char *path, struct fail *why);
static int make_whiteout(struct layer *layer, const char *path, bool *made, struct fail *why);
static int finish_directory(struct layer *layer, const struct layer_directory *directory, struct fail *why);
static int by_path(const void *left, const void *right);
static int by_inode(const void *left, const void *right);

/* The names in overlayfs' own space are seen in no merged directory and are not copied up with it. */
static const char opaque_mark[] = "user.overlay.opaque";
static const char implicit_mark[] = "user.overlay.devenv.implicit";

int layer_finish(struct layer *layer, struct fail *why)
{
    /* Opaque ones first: they say that the directory is there, even if another mark says that it was removed before. */
    for (size_t i = 0; i < layer->mark_count; i++)
        if (layer->marks[i].opaque && make_opaque(layer, layer->marks[i].path, why) < 0)
            return -1;
    qsort(layer->marks, layer->mark_count, sizeof *layer->marks, by_path);
    const char *removed = NULL;
    for (size_t i = 0; i < layer->mark_count; i++) {
        const char *path = layer->marks[i].path;
        size_t length = removed == NULL ? 0 : strlen(removed);
        bool below = removed != NULL && strncmp(path, removed, length) == 0 && path[length] == '/';
        bool made = false;
        if (layer->marks[i].opaque || below)
            continue;
        if (make_whiteout(layer, path, &made, why) < 0)
            return -1;
        if (made)
            removed = path;
    }
    /* Of several records of one directory the last holds. */
    qsort(layer->directories, layer->directory_count, sizeof *layer->directories, by_inode);
    size_t kept = 0;
    for (size_t i = 0; i < layer->directory_count; i++)
        if (i + 1 == layer->directory_count || layer->directories[i].inode != layer->directories[i + 1].inode)
            layer->directories[kept++] = layer->directories[i];
    layer->directory_count = kept;
    for (size_t i = 0; i < kept; i++)
        if (finish_directory(layer, &layer->directories[i], why) < 0)
            return -1;
    return 0;
}

static int make_opaque(struct layer *layer, const char *path, struct fail *why)
{
    if (layer_make_directory(layer, path, why) < 0)
        return -1;
    return root_mark_directory(&layer->root, path, opaque_mark, "y", why);
}

/* Image specification, layer.md: what the layer has itself is not hidden, whatever the order. */
static int make_whiteout(struct layer *layer, const char *path, bool *made, struct fail *why)
{
    struct stat status;
    if (layer_make_parent(layer, path, why) < 0)
        return -1;
    int there = root_status(&layer->root, path, &status, why);
    if (there < 0)
        return -1;
    *made = there == 0;
    if (there == 0)
        return root_make_whiteout(&layer->root, path, why);
    return S_ISDIR(status.st_mode) ? root_mark_directory(&layer->root, path, opaque_mark, "y", why) : 0;
}

static int finish_directory(struct layer *layer, const struct layer_directory *directory, struct fail *why)
{
    const struct tar_entry *entry = &directory->entry;
    struct stat status;
    struct fail gone;
    /* A later entry took its place. */
    if (root_status(&layer->root, entry->path, &status, &gone) <= 0 || status.st_ino != directory->inode)
        return 0;
    if (directory->implicit && root_mark_directory(&layer->root, entry->path, implicit_mark, "y", why) < 0)
        return -1;
    return root_finish_directory(&layer->root, entry, why);
}

static int by_path(const void *left, const void *right)
{
    return compare_paths(((const struct layer_mark *)left)->path, ((const struct layer_mark *)right)->path);
}

static int by_inode(const void *left, const void *right)
{
    const struct layer_directory *a = left, *b = right;
    if (a->inode != b->inode)
        return a->inode < b->inode ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}
