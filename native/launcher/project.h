#pragma once

#include "../lib/entry.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

/* Device, inode, time of modification in nanoseconds and size, in decimal with blanks between, and a NUL. */
#define STAMP_SIZE 96
/* The same with the mode behind it. */
#define INPUT_STAMP_SIZE 112

/* A project whose environment is as the last `up` left it, running or not. */
struct project {
    /** The directory at hand, and the project's at or above it. */
    char directory[PATH_MAX];
    char root[PATH_MAX];
    char store[PATH_MAX];
    /** What of the store's names belongs to the project. */
    char key[13];
    /** The entry file, open, and what it says. */
    int file;
    struct entry entry;
    char data[ENTRY_MOST];
};

/** False when anything is not exactly as recorded, or not for this program to judge. */
bool find_project(struct project *project);
/** Reads the entry file and compares configuration and lock with what it says; again after a lock was taken. */
bool read_entry(struct project *project);
/** Whether the files that the plan was made from are the same as then. */
bool has_same_sources(const struct project *project);
/** Whether the inputs of the image's layers are, as far as this program can tell. */
bool has_same_inputs(const struct project *project);

/* The first process of a running environment. */
struct running {
    pid_t pid;
    /** A descriptor of it, which closes at an exec. */
    int pidfd;
};

/* What is known of the network of an environment that runs. */
enum network {
    NETWORK_READY,
    NETWORK_STARTING,
    NETWORK_LOST,
};

/** Whether packets can flow: not when the process that looks after the network was killed. */
enum network network_of(const struct project *project);

/** False when it does not run. */
bool find_running(const struct project *project, struct running *running);
