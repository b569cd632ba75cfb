#pragma once

#include "network.h"

/** What --network-state FILE stands for. */
struct state_files {
    /** Holds "PID STARTTIME BOOT\n" of the watcher once packets can flow, and until they cannot any more. */
    char *ready;
    /** The same before that. */
    char *starting;
    /** Why they cannot. */
    char *failed;
};

struct state_files state_files(const char *file);

/** Writes one of them, whole or not at all. */
void write_state(const char *file, const char *text);

/**
 * Becomes the process that looks after the network of one environment: it starts the helper, passes connections of
 * declared ports on, and ends with all that when the environment's first process ends. Does not return.
 *
 * \param channel  gets user and network namespace and listening sockets, then the first process
 * \param published  listening sockets on the host, as many as the plan has
 */
__attribute__((noreturn)) void watch(const struct network_plan *plan, const struct listeners *published, int channel);

/** Sends bytes and descriptors, and takes them: as many as there are, at most `most`. Returns -1 with errno set. */
int send_descriptors(int channel, const int *descriptors, size_t count);
ssize_t take_descriptors(int channel, int *descriptors, size_t most);
