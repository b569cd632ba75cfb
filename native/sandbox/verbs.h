#pragma once

#include "../lib/userns.h"
#include "../lib/util.h"

/** Makes an environment, or runs one build step with --wait. The options are described in run-plan.h. */
int cmd_run(struct args *args);

/** Runs a command in an environment. The options are described in enter.c. */
int cmd_enter(struct args *args);

/** Gives an environment that runs its network helper again. The options are described in network.h. */
int cmd_network(struct args *args);

/** Changes the limits of a running environment. The options are described in limit.c. */
int cmd_limit(struct args *args);

/** Whether the value of --network, "host", "none" or "private", asks for a network namespace. */
bool network_is_own(const char *network);
