#pragma once

#include "cgroup-view.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum operation_kind {
    OPERATION_BIND,
    OPERATION_OWN,
    OPERATION_PROC,
    OPERATION_DEV,
    OPERATION_SYS,
    OPERATION_TMPFS,
    OPERATION_MKDIR,
    OPERATION_FILE,
    OPERATION_SYMLINK,
    OPERATION_MASK,
    OPERATION_READONLY,
};

/* One step of the construction of the root, in the order of the plan. */
struct operation {
    enum operation_kind kind;
    const char *source;
    const char *target;
    const char *content;
    bool readonly;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    /* What `source` is on the host: a detached copy of its mounts, or an O_PATH descriptor. */
    int fd;
    bool detached;
    bool directory;
};

/* The image: layers, or one directory that is written to directly. Names are relative to the store. */
struct root_image {
    const char *directory;
    const char **layers;
    size_t layer_count;
    const char *upper;
    const char *work;
    bool without_sync;
    /** Nothing of an earlier upper directory stays. */
    bool renew;
};

/** Opens the sources of binds as the user who called, before (`detach`) or in the new mount namespace. */
void open_sources(struct operation *operations, size_t count, bool detach);

/** image.c: mounts the image, with the store as working directory, and returns a descriptor of its root. */
int mount_image(const struct root_image *image);

void apply_operations(int root, struct operation *operations, size_t count, const struct group_views *views,
                      bool own_network);

/** Makes it the root of this process and lets go of the host's. */
void change_root(int root);

/** For image.c, mounts.c and devices.c: mounts a new file system, options as "key=value" or "key", NULL at the end. */
int new_mount(const char *type, const char *const *options, unsigned attributes);
/** A detached copy of what is mounted at `fd` and below it, with these attributes added. */
int copy_mounts(int fd, unsigned long long attributes, const char *what);
void attach(int mount, int point, const char *target);

/** devices.c: /dev with its few devices, terminals, shared memory and message queues. */
void mount_devices(int root);
/** Opens a device of the host after checking that it is the one; -1 when the host has none. */
int open_device(const char *path, unsigned major, unsigned minor);
