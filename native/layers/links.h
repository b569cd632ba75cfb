#pragma once

#include <stddef.h>
#include <sys/types.h>

/** Which path of a file with several names came first. Starts as {0}. */
struct links {
    struct link_slot *slots;
    size_t count, capacity;
};

/** The first path seen for the inode, or NULL when this is the first, which is then remembered. */
const char *links_first(struct links *links, ino_t inode, const char *path);
void links_free(struct links *links);
