#pragma once

#include "../lib/fail.h"
#include "header.h"

#include <stdbool.h>

/** The extended attributes of a file or directory that belong in a layer, sorted by name. */
struct xattrs {
    struct header_xattr *list;
    size_t count;
    /** overlayfs' mark that what the layers below have in this directory is hidden. */
    bool opaque;
    /** Of a directory: that its layer has no entry of it. */
    bool implicit;
};

/** -1 after filling `why`, also where an attribute says something a layer cannot hold. */
int xattrs_read(int fd, struct xattrs *xattrs, struct fail *why);
void xattrs_free(struct xattrs *xattrs);
