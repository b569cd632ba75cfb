#include "graft.h"

#include "../lib/glob.h"
#include "../lib/util.h"
#include "../lib/whiteout.h"

#include <stdlib.h>
#include <string.h>

static int take_entry(struct graft *graft, const struct tar_entry *entry, struct tar *tar, struct fail *why);
static int make_entry(struct graft *graft, const struct tar_entry *entry, struct tar *tar, struct fail *why);
static mode_t mode_of(const struct graft *graft, const struct tar_entry *entry, const char *path);
static bool is_executable(const struct graft *graft, const char *path);
static int open_to_all(struct graft *graft, const char *path, struct fail *why);
static int remember_made(struct graft *graft, const char *path, struct fail *why);
static int hide(struct graft *graft, const char *path, bool opaque, struct fail *why);

int graft_take(struct graft *graft, struct tar *tar, struct fail *why)
{
    const struct tar_entry *entry;
    int got;
    while ((got = tar_next(tar, &entry, why)) > 0)
        if (take_entry(graft, entry, tar, why) < 0)
            return -1;
    return got;
}

static int take_entry(struct graft *graft, const struct tar_entry *entry, struct tar *tar, struct fail *why)
{
    enum layer_name kind;
    char target[PATH_MAX];
    if (layer_name(entry->path, &kind, target, why) < 0)
        return -1;
    switch (kind) {
    case NAME_PLAIN:
        return make_entry(graft, entry, tar, why);
    case NAME_WHITEOUT:
    case NAME_OPAQUE:
        return hide(graft, target, kind == NAME_OPAQUE, why);
    case NAME_IGNORED:
        break;
    }
    return 0;
}

static int make_entry(struct graft *graft, const struct tar_entry *entry, struct tar *tar, struct fail *why)
{
    char path[PATH_MAX], link[PATH_MAX];
    struct layer *layer = &graft->layer;
    if (entry->type == TAR_CHAR || entry->type == TAR_BLOCK || entry->type == TAR_FIFO)
        return 0;
    int mapped = map_path(graft->maps, graft->map_count, entry->path, path, why);
    if (mapped <= 0)
        return mapped;
    if (path[0] == '\0' && entry->type != TAR_DIRECTORY)
        return fail(why, "%s: is to become the root and is not a directory", entry->path);
    struct tar_entry chosen = {
        .type = entry->type,
        .path = path,
        .link = entry->link,
        .size = entry->size,
        .mode = mode_of(graft, entry, path),
        .mtime = entry->mtime,
        .nanoseconds = entry->nanoseconds,
    };
    if (entry->type == TAR_HARDLINK) {
        mapped = map_path(graft->maps, graft->map_count, entry->link, link, why);
        if (mapped <= 0)
            return mapped < 0 ? mapped
                              : fail(why, "%s: its hard link target %s is not among what is taken", entry->path,
                                     entry->link);
        chosen.link = link;
    }
    int result = layer_make_parent(layer, path, why);
    if (result == 0)
        result = root_make_entry(&layer->root, &chosen, NULL, tar, NULL, why);
    if (result == 0 && entry->type == TAR_DIRECTORY)
        result = layer_remember_directory(layer, &chosen, false, why);
    if (result == 0 && entry->type == TAR_HARDLINK && is_executable(graft, path))
        result = open_to_all(graft, path, why);
    if (result == 0)
        result = remember_made(graft, path, why);
    graft->taken++;
    return result < 0 ? fail_within(why, entry->path) : 0;
}

/* A toolchain is used by everyone and changed by nobody. */
static mode_t mode_of(const struct graft *graft, const struct tar_entry *entry, const char *path)
{
    bool executable = entry->type != TAR_FILE || (entry->mode & 0100) != 0 || is_executable(graft, path);
    return executable ? 0755 : 0644;
}

static bool is_executable(const struct graft *graft, const char *path)
{
    char absolute[PATH_MAX + 1] = "/";
    strcpy(absolute + 1, path);
    for (size_t i = 0; i < graft->executable_count; i++)
        if (glob_matches(graft->executables[i], absolute))
            return true;
    return false;
}

/* A name of a file that may have got its mode under another name. */
static int open_to_all(struct graft *graft, const char *path, struct fail *why)
{
    struct stat status;
    const char *name;
    int there = root_status(&graft->layer.root, path, &status, why);
    if (there < 0 || !S_ISREG(status.st_mode))
        return there < 0 ? -1 : 0;
    int parent = root_parent(&graft->layer.root, path, &name, why);
    if (parent < 0)
        return -1;
    return fchmodat(parent, name, 0755, 0) < 0 ? fail_errno(why, "/%s: the mode cannot be set", path) : 0;
}

static int remember_made(struct graft *graft, const char *path, struct fail *why)
{
    struct stat status;
    const char *name;
    if (!graft->is_upper)
        return 0;
    int parent = root_parent(&graft->layer.root, path, &name, why);
    if (parent < 0)
        return -1;
    if (fstat(parent, &status) < 0)
        return fail_errno(why, "/%s: its directory cannot be read", path);
    return layer_hold(&graft->layer, made_add(&graft->made, status.st_ino, name), why);
}

/* What lies above a map hides all that the map takes. */
static int hide(struct graft *graft, const char *path, bool opaque, struct fail *why)
{
    char target[PATH_MAX];
    if (!graft->is_upper)
        return 0;
    int mapped = map_path(graft->maps, graft->map_count, path, target, why);
    if (mapped < 0 || (mapped > 0 && layer_remember_mark(&graft->layer, target, opaque, why) < 0))
        return -1;
    for (size_t i = 0; i < graft->map_count; i++)
        if (lies_below(graft->maps[i].from, path) &&
            layer_remember_mark(&graft->layer, graft->maps[i].to, false, why) < 0)
            return -1;
    return 0;
}
