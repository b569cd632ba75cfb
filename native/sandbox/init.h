#pragma once

#include <sys/types.h>

/** The first process of an environment: reaps, and ends everything on SIGTERM. Does not return. */
__attribute__((noreturn)) void run_init(unsigned grace_milliseconds);

/** Reaps until `child` ends, then gives its exit code. */
int reap_until(pid_t child);
