#pragma once

#include "../lib/fail.h"

/** Opens what lies below the store, following no link at all; -1 after filling `why`. */
int open_in_store(int store, const char *path, int flags, struct fail *why);
