#pragma once

#include "../lib/fail.h"

#include <stddef.h>
#include <stdint.h>

/** Prints "devenv-sandbox: MESSAGE" and gives the exit code for it. */
int refuse(const struct fail *why);

/** A whole decimal number up to `most`; -1 after filling `why`. */
int64_t parse_number(const char *option, const char *text, int64_t most, struct fail *why);

/** Opens what lies below the store, following no link at all; -1 after filling `why`. */
int open_in_store(int store, const char *path, int flags, struct fail *why);
