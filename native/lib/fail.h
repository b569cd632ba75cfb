#pragma once

#include <stddef.h>

/*
 * What went wrong, in words for the user. Functions that read data from outside return -1 after filling it, so that
 * the same code runs in a worker thread, in a test and under a fuzzer.
 */
struct fail {
    char text[1024];
};

/** Stores the message and returns -1. */
__attribute__((format(printf, 2, 3))) int fail(struct fail *why, const char *format, ...);

/** Like fail(), followed by ": " and the text of errno, which stays as it was. */
__attribute__((format(printf, 2, 3))) int fail_errno(struct fail *why, const char *format, ...);

/** Puts "LABEL: " in front of the message, for a caller who knows where it happened. Returns -1. */
int fail_within(struct fail *why, const char *label);
