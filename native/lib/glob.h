#pragma once

#include <stdbool.h>

/**
 * Whether a whole path matches: `*` stands for any part of a name, `**` for anything; as a
 * whole name it stands for any number of names, also for none. Every other character is itself.
 */
bool glob_matches(const char *pattern, const char *path);
