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
    struct layer_mark *marks;
    size_t mark_count;
    /** Bytes of memory that the two lists hold. */
    size_t held;
    /** Of making implicit directories. */
    bool failed;
    struct fail *why;
};

/** Makes everything the archive has, and remembers what is left for layer_finish(). */
int layer_unpack(struct layer *layer, struct tar *tar, struct fail *why);

/** Whiteouts, opaque directories, then owner, mode and time of directories. */
int layer_finish(struct layer *layer, struct fail *why);

/** For the two above. */
int layer_make_parent(struct layer *layer, const char *path, struct fail *why);
int layer_make_directory(struct layer *layer, const char *path, struct fail *why);
