#pragma once

#include <linux/filter.h>
#include <stddef.h>

#define FILTER_MOST 1024

/** Writes the filter's program and gives its length; 0 when it does not fit. */
size_t build_filter(struct sock_filter code[FILTER_MOST]);
