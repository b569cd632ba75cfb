#pragma once

#include "network.h"

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
