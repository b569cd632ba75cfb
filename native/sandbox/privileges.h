#pragma once

#include <stdint.h>
#include <sys/types.h>

/** What a build step keeps: the work of a package manager, and nothing of the host's. */
extern const uint64_t BUILD_CAPABILITIES;
/** What the first process of an environment keeps: to end processes of every user. */
extern const uint64_t INIT_CAPABILITIES;

/** Takes away, or gives back, what this process may do beyond its user; the permitted set stays. */
void set_effective_capabilities(uint64_t set);

/** Takes everything away from this process that is beyond its user, for good. */
void give_up_capabilities(void);

/** Becomes uid and gid without supplementary groups, keeping these capabilities for good, and no new privileges. */
void drop_privileges(uid_t uid, gid_t gid, uint64_t keep);

/** Takes away, for good, what this process and what it executes may do beyond its user. */
void drop_capabilities(void);

/** Puts signal dispositions and mask as a fresh program expects them. */
void reset_signals(void);

/** As the last steps before a command: directory, parent, filter, no inherited descriptor; runs it. Does not return. */
__attribute__((noreturn)) void execute(const char *directory, char **command, char **environment);

/** seccomp.c: installs the filter for this process, which can gain no privileges, and all that come from it. */
void install_filter(void);
