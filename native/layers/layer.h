#pragma once

#include "../lib/root.h"

#include <stdbool.h>
#include <stddef.h>

/** A directory of a layer, finished after everything is in it. */
struct layer_directory {
    /** Its own copy; the path of an implicit one too. */
    struct tar_entry entry;
    ino_t inode;
    size_t order;
    /** The archive has entries below it and none of its own. */
    bool implicit;
};

/** A name that hides something in the layers below. */
struct layer_mark {
    char *path;
    bool opaque;
};

/** A layer while it is unpacked. What it remembers is applied at the end, so that the order of entries is no matter. */
struct layer {
    struct root root;
    struct layer_directory *directories;
    size_t directory_count;
    /** How many of them are sorted by inode. */
    size_t sorted;
    struct layer_mark *marks;
    size_t mark_count;
    /** Bytes of memory in which things are remembered. */
    size_t held;
    /** Of making implicit directories. */
    bool failed;
    struct fail *why;
};

/** Makes everything the archive has, and remembers what is left for layer_finish(). */
int layer_unpack(struct layer *layer, struct tar *tar, struct fail *why);

/** Whiteouts, opaque directories, then owner, mode and time of directories. */
int layer_finish(struct layer *layer, struct fail *why);

/** Makes the directories above a path where they are missing, and remembers them as implicit. */
int layer_make_parent(struct layer *layer, const char *path, struct fail *why);
/** The same, and the directory itself. */
int layer_make_directory(struct layer *layer, const char *path, struct fail *why);

/** Remembers what a directory that is there is to be like in the end; the last one to be remembered decides. */
int layer_remember_directory(struct layer *layer, const struct tar_entry *entry, bool implicit, struct fail *why);
/**
 * Says that the layer removes what those below it have at the place of a directory: then none of them decides what it is
 * like, also when the archive has no entry of it. Only for directories remembered before layer_sort_directories().
 */
void layer_replaces(struct layer *layer, ino_t inode);
void layer_sort_directories(struct layer *layer);
int layer_remember_mark(struct layer *layer, const char *path, bool opaque, struct fail *why);
/** Counts memory in which something is remembered; -1 after filling `why` when it becomes too much. */
int layer_hold(struct layer *layer, size_t size, struct fail *why);

/**
 * Gives the directories that were remembered and are still there their owner, mode and time, and those that the archive
 * has no entry of the extended attribute `implicit_mark`, unless it is NULL.
 */
int layer_finish_directories(struct layer *layer, const char *implicit_mark, struct fail *why);
