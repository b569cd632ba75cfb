#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/**
 * Names in directories, which are told by their inodes: a path may lead somewhere else later on. Starts as {0}. What is
 * remembered of a directory that was removed may become true of another one that has its inode.
 */
struct made {
    struct made_name *slots;
    size_t count, capacity;
};

/** Returns the bytes of memory that it took. */
size_t made_add(struct made *made, ino_t directory, const char *name);
bool made_has(const struct made *made, ino_t directory, const char *name);
void made_free(struct made *made);
