#pragma once

#include <stdbool.h>

/** What --network-state FILE stands for. */
struct state_files {
    /**
     * Holds "PID STARTTIME BOOT\n" of the watcher once packets can flow, and until they cannot any more; the watcher
     * alone has a lock on it, see flock(2).
     */
    char *ready;
    /** The same before that. */
    char *starting;
    /** Why they cannot. */
    char *failed;
};

struct state_files state_files(const char *file);

/** Opens what becomes one of them with give_state(), which says whether the text came to be there; -1 with errno set. */
int new_state(const char *file);
bool give_state(int fd, const char *file, const char *text);
