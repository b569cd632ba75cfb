#pragma once

#include "../lib/util.h"

#include <stdbool.h>

/* What is done with control groups, in the order of the plan. */
struct cgroup_step {
    enum { CGROUP_MAKE, CGROUP_WRITE, CGROUP_JOIN, CGROUP_SCOPE } kind;
    const char *path;
    const char *value;
};

struct cgroup_plan {
    struct cgroup_step *steps;
    size_t count;
};

/**
 * Takes --cgroup-make DIRECTORY (and those above it), --cgroup-write FILE VALUE (checked by reading it back),
 * --cgroup-join DIRECTORY or --cgroup-scope RUNTIME SLICE, see scope.h (both this process and its children to come); false
 * when `option` is another one.
 */
bool cgroup_option(struct cgroup_plan *plan, const char *option, struct args *args);

void apply_cgroups(const struct cgroup_plan *plan);
