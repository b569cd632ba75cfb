#pragma once

#include <stdbool.h>
#include <sys/types.h>

/*
 * Paths inside the new root, before it is the root of this process. Its content was written by others, so that the
 * kernel resolves every path as if the root were "/" already.
 */

/** Opens a path as O_PATH, the last link followed too; -1 with errno set. */
int open_in_root(int root, const char *path);

/** Opens the directory, making what is missing (0755, owned by root; the last one as told). */
int make_directory(int root, const char *path, mode_t mode, uid_t uid, gid_t gid);

/**
 * Opens a mount point of the kind told, making an empty one where nothing is. A link is replaced by an empty file where a
 * file is wanted, and refused where a directory is.
 */
int make_mount_point(int root, const char *path, bool directory);

/** Writes a file, unless it is there just so; anything else in its place, a link too, is replaced. */
void write_file(int root, const char *path, mode_t mode, uid_t uid, gid_t gid, const char *content);

/** Makes a symbolic link where nothing is yet. */
void make_link(int root, const char *path, const char *target);
