#pragma once

#include "fail.h"
#include "tar.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

/*
 * The only way to a path inside a root file system that others wrote: the kernel resolves every name and every link
 * as if the root were "/", so nothing outside is reached, whatever the links say. Paths are relative ("a/b", "" for
 * the root). Not for more than one thread at a time: each worker has its own.
 */
struct root {
    int fd;
    int parent;
    /** Whether an entry replaces what is in its way, other than a directory a directory; else it fails. */
    bool replaces;
    char parent_path[PATH_MAX];
};

/** Takes a descriptor of the directory, which it does not close. */
void root_start(struct root *root, int fd);
void root_end(struct root *root);

/**
 * The directory a path is in, as a descriptor that belongs to `root` and is valid until the next call; `name` is set
 * to the last component. Directory links on the way are followed inside the root.
 */
int root_parent(struct root *root, const char *path, const char **name, struct fail *why);

/** To be called after something was removed or replaced in another way than by root_make_entry(). */
void root_forget(struct root *root);

/** Opens a directory; the caller closes it. A link at the last component is not followed. */
int root_open_directory(struct root *root, const char *path, struct fail *why);

/** Told of a path. */
struct path_hook {
    void (*call)(void *context, const char *path);
    void *context;
};

/** Makes a directory and those above it (0755) where they are missing; `made` may be NULL. */
int root_make_directories(struct root *root, const char *path, const struct path_hook *made, struct fail *why);

/** 1 and the status of what is there, links not followed; 0 when nothing is. */
int root_status(struct root *root, const char *path, struct stat *status, struct fail *why);

/** Marks the place as one where the layers below have nothing (overlayfs). */
int root_make_whiteout(struct root *root, const char *path, struct fail *why);

/** Sets one of overlayfs' own attributes on a directory. */
int root_mark_directory(struct root *root, const char *path, const char *mark, const char *value, struct fail *why);

/** Makes a file that is not there yet; `mtime` -1 leaves the time as it comes. */
int root_write_file(struct root *root, const char *path, const void *data, size_t size, mode_t mode, int64_t mtime,
                    struct fail *why);

/**
 * Makes what a tar entry describes, below another last component when `rename` is not NULL. Whatever is there
 * already makes it fail, except a directory for a directory, and what `root->replaces` allows. Device nodes are
 * refused. Owner, mode and time of directories are left to root_finish_directory(), once everything is in them.
 */
struct root_hooks {
    /** Called with each piece of a file's content; may be NULL. */
    void (*content)(void *context, const uint8_t *piece, size_t size);
    void *context;
};
int root_make_entry(struct root *root, const struct tar_entry *entry, const char *rename, struct tar *content,
                    const struct root_hooks *hooks, struct fail *why);
/** Gives an existing directory the entry's owner, mode, attributes and time. */
int root_finish_directory(struct root *root, const struct tar_entry *entry, struct fail *why);
