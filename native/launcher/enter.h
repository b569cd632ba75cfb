#pragma once

#include "project.h"
#include "request.h"

/**
 * Becomes the program that joins the environment and runs what is asked for, after the hook onEnter where there is a
 * shell. Returns only when that cannot be started.
 */
void enter(const struct project *project, const struct running *running, enum network network, const struct request *request);
