#pragma once

#include "network.h"

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

/**
 * Becomes the process that looks after the network of one environment: it starts the helper, passes connections of
 * declared ports on, and ends with all that when the environment's first process ends. Does not return.
 *
 * \param channel  gets user and network namespace and listening sockets, then the first process
 * \param state  the file that says that it starts, with a lock on it
 * \param published  listening sockets on the host, as many as the plan has
 */
__attribute__((noreturn)) void watch(const struct network_plan *plan, const struct listeners *published, int channel,
                                         int state);

/** Sends bytes and descriptors, and takes them: as many as there are, at most `most`. Returns -1 with errno set. */
int send_descriptors(int channel, const int *descriptors, size_t count);
ssize_t take_descriptors(int channel, int *descriptors, size_t most);
