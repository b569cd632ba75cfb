#include "layer.h"

#include "../lib/whiteout.h"

#include <stdlib.h>
#include <string.h>

static int make_opaque(struct layer *layer, const char *path, struct fail *why);
static int make_whiteout(struct layer *layer, const char *path, bool *made, struct fail *why);
static int by_path(const void *left, const void *right);

/* The names in overlayfs' own space are seen in no merged directory and are not copied up with it. */
static const char opaque_mark[] = "user.overlay.opaque";
static const char implicit_mark[] = "user.overlay.devenv.implicit";

int layer_finish(struct layer *layer, struct fail *why)
{
    /* Opaque ones first: they say that the directory is there, even if another mark says that it was removed before. */
    for (size_t i = 0; i < layer->mark_count; i++)
        if (layer->marks[i].opaque && make_opaque(layer, layer->marks[i].path, why) < 0)
            return -1;
    layer_sort_directories(layer);
    if (layer->mark_count > 1)
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
    return layer_finish_directories(layer, implicit_mark, why);
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
    if (!S_ISDIR(status.st_mode))
        return 0;
    layer_replaces(layer, status.st_ino);
    return root_mark_directory(&layer->root, path, opaque_mark, "y", why);
}

static int by_path(const void *left, const void *right)
{
    return compare_paths(((const struct layer_mark *)left)->path, ((const struct layer_mark *)right)->path);
}
