#pragma once

#include "../lib/userns.h"

/* A file of the store with an ext4 file system, which limits what an environment may write. */
struct disk {
    /** Names relative to the store: the file, and the directory where it is seen by the sandbox alone. */
    const char *image;
    const char *place;
    /** The file system, mounted nowhere yet. */
    int mount;
};

/**
 * Mounts the file system as root of the host and before any namespace; its root directory becomes that of root inside.
 * The loop device goes with the last mount of it.
 */
void open_disk(struct disk *disk, const struct id_maps *maps);

/** Puts it into its place, in the mount namespace of the environment, with the store as working directory. */
void attach_disk(struct disk *disk);
