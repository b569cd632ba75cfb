#pragma once

#include "../lib/path-map.h"
#include "layer.h"
#include "made.h"

#include <stdint.h>

struct graft_link {
    const char *path, *target;
};

/** What of an archive is taken and where to, and what came of it. */
struct graft {
    struct layer layer;
    struct path_map *maps;
    size_t map_count;
    const char **executables;
    size_t executable_count;
    struct graft_link *links;
    size_t link_count;
    /** Something was there before; then what this archive makes is remembered. */
    bool is_upper;
    struct made made;
    uint64_t taken;
};

/** Remembers the directories that are there already, so that in the end they are as they were. */
int graft_remember_earlier(struct graft *graft, struct fail *why);

/** Makes what the maps take of the archive, and remembers what its whiteouts hide. */
int graft_take(struct graft *graft, struct tar *tar, struct fail *why);

/** Removes what the whiteouts hide and this archive did not make. */
int graft_remove_hidden(struct graft *graft, struct fail *why);
