#pragma once

#include "fail.h"

#include <stdbool.h>
#include <stddef.h>

/* What the launcher reads at once. The plan behind it may be longer. */
#define ENTRY_MOST 65536

/*
 * The entry file of an environment, which `up` writes when all is as configuration and lock ask: what is needed to enter
 * it, or to start it again, without reading either. Words with a NUL behind each: "devenv-entry-1", then pairs of a key
 * and a value in any order, and "plan" as the last, behind which come the words of `devenv-sandbox run`.
 */
struct entry {
    const char *name;
    /** Real path of the project. */
    const char *project;
    /** Stamps of devenv.jsonc and devenv.lock, see STAMP_SIZE. */
    const char *configuration;
    const char *lock;
    /** Path that the pid file begins with; the id of the boot follows. */
    const char *pid_file;
    const char *uid;
    const char *gid;
    const char *network;
    /** State file of the network, see sandbox/state-file.h; NULL where nothing looks after it. */
    const char *network_file;
    /** Command of the hook onEnter, or NULL. */
    const char *on_enter;
    /** Whether it may be started from the plan, as long as the files that it was made from are the same. */
    bool can_start;
    /** "PATH=STAMP", or "PATH=" for one that is not there. */
    const char **sources;
    size_t source_count;
    /** Inputs of the image's layers: "PATH=STAMP", with the mode behind the stamp. */
    const char **inputs;
    size_t input_count;
    /** Whether there are others, which only a walk through the project can find. */
    bool has_patterns;
    const char **groups;
    size_t group_count;
    /** A slice of systemd's user manager, in place of groups, and XDG_RUNTIME_DIR of that; NULL where there is none. */
    const char *slice;
    const char *manager;
    /** Words of the login shell. */
    const char **login;
    size_t login_count;
    /** Variables in their order: "=NAME=VALUE" as it stands; "?NAME=VALUE" and "?NAME": the caller's own if not empty. */
    const char **variables;
    size_t variable_count;
    /** "NAME=COMMAND". */
    const char **tasks;
    size_t task_count;
    /** Where in the file the plan begins. */
    size_t plan;
};

/** Reads an entry file, of which `size` bytes are there. What it gives points into `data`. Returns -1 with a reason. */
int entry_parse(struct entry *entry, const char *data, size_t size, struct fail *why);

/** The command of a task, or NULL. */
const char *entry_task(const struct entry *entry, const char *name);
