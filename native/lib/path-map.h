#pragma once

#include "fail.h"

#include <stdbool.h>
#include <stddef.h>

/** What lies at `from` in an archive goes to `to` in a root. Both are as tar_clean_path() makes them. */
struct path_map {
    const char *from, *to;
};

/**
 * 1 and where a path, cleaned too, goes by the longest `from` that it lies at or below; 0 when there is none; -1 after
 * filling `why` when the place has too long a name. `out` has PATH_MAX bytes and is as clean as what went in.
 */
int map_path(const struct path_map *maps, size_t count, const char *path, char *out, struct fail *why);

/** Whether a path lies below another one, not at it. Everything else lies below "". */
bool lies_below(const char *path, const char *above);
