#pragma once

#include "../lib/util.h"

#include <stdbool.h>
#include <sys/types.h>

/** The first process of an environment, as run wrote it down; the start time tells it from a later one of its number. */
struct target {
    pid_t pid;
    unsigned long long start;
};

/** Takes --pid N or --starttime N; false when it is another option. */
bool target_option(struct target *target, const char *option, struct args *args);

/** Whether both were said. */
bool is_target(const struct target *target);

/** A descriptor of it, which what its number says afterwards is about as well; -1 when it is not there any more. */
int open_target(const struct target *target);
