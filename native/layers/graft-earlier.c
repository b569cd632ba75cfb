#include "graft.h"

#include "../lib/buffer.h"
#include "../lib/whiteout.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Each directory on the way down holds a descriptor. */
#define DEPTH_MOST 256

/* A walk through what is there. */
struct walk {
    struct graft *graft;
    struct buffer path;
    unsigned depth;
    struct fail *why;
};

/* Something that is done with each name in a directory; `path` of the walk leads to it. */
typedef int (*visit)(struct walk *walk, int parent, const char *name);

static int remember(struct walk *walk, int parent, const char *name);
static int remove_unless_made(struct walk *walk, int parent, const char *name);
static int remove_directory(struct walk *walk, int parent, const char *name);
static int visit_names(struct walk *walk, int fd, visit visit);
static int remove_marked(struct walk *walk, const struct layer_mark *mark);
static int open_below(struct walk *walk, int parent, const char *name);
static bool is_absent(int error);
static int by_path(const void *left, const void *right);

int graft_remember_earlier(struct graft *graft, struct fail *why)
{
    struct walk walk = {.graft = graft, .why = why};
    buffer_text(&walk.path, "");
    int result = remember(&walk, graft->layer.root.fd, ".");
    buffer_free(&walk.path);
    return result;
}

int graft_remove_hidden(struct graft *graft, struct fail *why)
{
    struct layer *layer = &graft->layer;
    struct walk walk = {.graft = graft, .why = why};
    const struct layer_mark *last = NULL;
    int result = 0;
    if (layer->mark_count > 1)
        qsort(layer->marks, layer->mark_count, sizeof *layer->marks, by_path);
    for (size_t i = 0; i < layer->mark_count && result == 0; i++) {
        const struct layer_mark *mark = &layer->marks[i];
        if (last != NULL && (by_path(last, mark) == 0 || lies_below(mark->path, last->path)))
            continue;
        result = remove_marked(&walk, last = mark);
        root_forget(&layer->root);
    }
    buffer_free(&walk.path);
    return result;
}

static int remember(struct walk *walk, int parent, const char *name)
{
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_errno(walk->why, "/%s: cannot be read", walk->path.data);
    if (!S_ISDIR(status.st_mode))
        return 0;
    struct tar_entry entry = {
        .type = TAR_DIRECTORY,
        .path = walk->path.data,
        .mode = status.st_mode & 07777,
        .uid = status.st_uid,
        .gid = status.st_gid,
        .mtime = status.st_mtim.tv_sec,
        .nanoseconds = (uint32_t)status.st_mtim.tv_nsec,
    };
    if (layer_remember_directory(&walk->graft->layer, &entry, false, walk->why) < 0)
        return -1;
    int fd = open_below(walk, parent, name);
    return fd < 0 ? -1 : visit_names(walk, fd, remember);
}

static int remove_marked(struct walk *walk, const struct layer_mark *mark)
{
    struct root *root = &walk->graft->layer.root;
    const char *name;
    buffer_clear(&walk->path);
    buffer_text(&walk->path, mark->path);
    /* The root itself can only be emptied. */
    if (mark->opaque || mark->path[0] == '\0') {
        int fd = root_open_directory(root, mark->path, walk->why);
        return fd >= 0 ? visit_names(walk, fd, remove_unless_made) < 0 ? -1 : 0 : is_absent(errno) ? 0 : -1;
    }
    int parent = root_parent(root, mark->path, &name, walk->why);
    if (parent < 0)
        return is_absent(errno) ? 0 : -1;
    return remove_unless_made(walk, parent, name) < 0 ? -1 : 0;
}

/* 1 when something stays, which is what this archive made and the directories it is in. */
static int remove_unless_made(struct walk *walk, int parent, const char *name)
{
    struct stat directory, status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : fail_errno(walk->why, "/%s: cannot be read", walk->path.data);
    if (fstat(parent, &directory) < 0)
        return fail_errno(walk->why, "/%s: its directory cannot be read", walk->path.data);
    bool stays = made_has(&walk->graft->made, directory.st_ino, name);
    if (S_ISDIR(status.st_mode)) {
        int below = remove_directory(walk, parent, name);
        if (below < 0)
            return -1;
        stays = stays || below > 0;
    }
    if (!stays && unlinkat(parent, name, S_ISDIR(status.st_mode) ? AT_REMOVEDIR : 0) < 0)
        return fail_errno(walk->why, "/%s: cannot be removed", walk->path.data);
    return stays;
}

/* Only what is in it. */
static int remove_directory(struct walk *walk, int parent, const char *name)
{
    int fd = open_below(walk, parent, name);
    return fd < 0 ? -1 : visit_names(walk, fd, remove_unless_made);
}

/* Closes the descriptor. 1 when a visit gave 1. */
static int visit_names(struct walk *walk, int fd, visit visit)
{
    size_t length = walk->path.size;
    int result = 0;
    DIR *directory = fdopendir(fd);
    if (directory == NULL || walk->depth == DEPTH_MOST) {
        int failed = directory == NULL ? fail_errno(walk->why, "/%s: cannot be read", walk->path.data)
                                       : fail(walk->why, "/%s: is too deep", walk->path.data);
        if (directory == NULL)
            close(fd);
        else
            closedir(directory);
        return failed;
    }
    walk->depth++;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (entry == NULL && errno != 0)
            result = fail_errno(walk->why, "/%s: cannot be read", walk->path.data);
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        buffer_format(&walk->path, length > 0 ? "/%s" : "%s", entry->d_name);
        /* Through links, more may have been made than one path can lead to. */
        int visited = walk->path.size < PATH_MAX ? visit(walk, fd, entry->d_name)
                                                 : fail(walk->why, "/%.200s…: is too deep", walk->path.data);
        walk->path.size = length;
        walk->path.data[length] = '\0';
        result = visited < 0 ? -1 : result | visited;
        if (result < 0)
            break;
    }
    walk->depth--;
    closedir(directory);
    return result;
}

static int open_below(struct walk *walk, int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? fail_errno(walk->why, "/%s: the directory cannot be opened", walk->path.data) : fd;
}

static bool is_absent(int error)
{
    return error == ENOENT || error == ENOTDIR || error == ELOOP;
}

/* A whiteout of a directory comes before the word that it is opaque. */
static int by_path(const void *left, const void *right)
{
    const struct layer_mark *a = left, *b = right;
    int order = compare_paths(a->path, b->path);
    return order != 0 ? order : a->opaque - b->opaque;
}
