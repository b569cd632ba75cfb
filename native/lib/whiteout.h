#pragma once

#include "fail.h"

/** What the name of an entry means in a layer of an image (OCI image specification, layer.md, "Whiteouts"). */
enum layer_name {
    /** Itself. */
    NAME_PLAIN,
    /** That `target` is removed from the layers below. */
    NAME_WHITEOUT,
    /** That the directory `target` hides what the layers below have in it. */
    NAME_OPAQUE,
    /** Nothing: bookkeeping of AUFS, from which the other two come. */
    NAME_IGNORED,
};

/** `path` is one that tar_clean_path() made, and `target` has its size. -1 after filling `why`. */
int layer_name(const char *path, enum layer_name *kind, char *target, struct fail *why);

/** Orders paths so that everything below a directory follows it at once. */
int compare_paths(const char *left, const char *right);
