#pragma once

#include "project.h"

/**
 * Starts the environment as the last `up` did, unless something that its plan was made from changed. False when it does
 * not run afterwards: Node then does it, and tells what is wrong.
 */
bool start_again(struct project *project, const char *sandbox, struct running *running);
