#pragma once

#include "loopback.h"

#include <stdint.h>

/**
 * Passes TCP connections on: what comes to a listening socket goes to a port of the loopback device of the network that
 * the process is in. Which network a listening socket belongs to was decided where it was made.
 */
struct forwarder {
    /** Readable when forward_once() has something to do. */
    int events;
};

struct forwarder new_forwarder(void);

/** What connects to these goes to `port` of 127.0.0.1, or ::1 when nobody listens there. */
void forward_to(struct forwarder *forwarder, struct listeners from, uint16_t port);

/** Does what there is to do, at most waiting `milliseconds` for it; -1: as long as it takes. */
void forward_once(struct forwarder *forwarder, int milliseconds);
