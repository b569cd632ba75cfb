#pragma once

#include "../lib/fail.h"

#include <stdbool.h>

/**
 * From here on the process ends when its caller ends, also by SIGKILL: what it makes would stay in the way. To be called
 * after the last change of credentials, which makes the kernel forget it.
 */
void end_with_caller(void);

/** Opens what lies below the store, following no link at all; -1 after filling `why`. */
int open_in_store(int store, const char *path, int flags, struct fail *why);

/** Makes a new directory below the store and opens it; -1 after filling `why`. */
int make_in_store(int store, const char *name, struct fail *why);

/** The same, and `made` says whether it is new; what is there already must be a directory. */
int make_or_open_in_store(int store, const char *name, bool *made, struct fail *why);
