#pragma once

#include "../lib/util.h"

#include <stdbool.h>
#include <stddef.h>

/* What an environment sees of its own control groups. */
struct group_views {
    struct group_view {
        const char *directory;
        const char *name;
    } *items;
    size_t count;
};

/**
 * Takes --cgroup-view DIRECTORY NAME: the group is seen below /sys/fs/cgroup by that name, or in its place where the name
 * is empty. False when it is another option.
 */
bool group_view_option(struct group_views *views, const char *option, struct args *args);

/** Mounts them read-only, the host's paths being there still, and nothing else of the host's groups; at least one. */
void show_groups(int root, const struct group_views *views);
