#pragma once

#include <stddef.h>
#include <sys/types.h>

/** As many as one message takes, and a little less. */
#define MOST_DESCRIPTORS 202

/** Sends bytes and descriptors, and takes them: as many as there are, at most `most`. Returns -1 with errno set. */
int send_descriptors(int channel, const int *descriptors, size_t count);
ssize_t take_descriptors(int channel, int *descriptors, size_t most);

/** Closes all others; sorts those that it is given. Returns -1 with errno set. */
int keep_descriptors(int *kept, size_t count);
