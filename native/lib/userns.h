#pragma once

#include <stdint.h>
#include <stdbool.h>
#include <stddef.h>

#include "util.h"

struct id_map {
    uint32_t inside;
    uint32_t outside;
    uint32_t count;
};

struct id_maps {
    struct id_map *uids;
    size_t uid_count;
    struct id_map *gids;
    size_t gid_count;
};

/** Takes the value of --uid-map or --gid-map, INSIDE:OUTSIDE:COUNT; false when `option` is another one. */
bool id_maps_option(struct id_maps *maps, const char *option, struct args *args);

/**
 * Moves this process into a new user namespace with these maps, still as the user who called, with all
 * capabilities inside. Root writes the maps itself, anyone else through newuidmap and newgidmap.
 */
void enter_user_namespace(const struct id_maps *maps);

/** Becomes uid and gid 0 of the user namespace, without supplementary groups. */
void become_namespace_root(void);

/** Both of the above, and death with the parent: what verbs that work on the store begin with. */
void enter_mapped_userns(const struct id_maps *maps);
