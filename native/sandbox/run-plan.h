#pragma once

#include "../lib/userns.h"
#include "cgroup-view.h"
#include "cgroup.h"
#include "disk.h"
#include "mounts.h"
#include "network.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * --uid-map, --gid-map INSIDE:OUTSIDE:COUNT
 * --store DIRECTORY            what the next four are relative to
 * --layer NAME…                lowest first; with --upper NAME and --work NAME, made when they are not there;
 *                              --volatile: nothing is synced
 * --root NAME                  or: this directory itself is the root
 * --disk FILE DIRECTORY        root of the host only: a file with an ext4 file system that is seen as DIRECTORY
 * --renew                      what is in the upper and the work directory is removed first
 * --own-bind NAME TARGET UID GID: a directory relative to the store, made with this owner when it is not there;
 * --bind SOURCE TARGET, --ro-bind SOURCE TARGET, --proc, --dev, --sys, --tmpfs TARGET MODE UID GID,
 * --mkdir TARGET MODE UID GID, --file TARGET MODE UID GID CONTENT, --symlink TARGET CONTENT, --mask TARGET,
 * --readonly TARGET            done in this order
 * --hostname NAME
 * --emulator REGISTRATION      see emulator.h
 * --network…                   see network.h
 * --cgroup-make, --cgroup-write, --cgroup-join      see cgroup.h
 * --cgroup-view                see cgroup-view.h
 * --pid-file PREFIX            PREFIX with the id of this boot behind it is the file that gets "PID STARTTIME" before
 *                              the environment lives; it dies when that fails. A build step can be entered with it
 * --grace MILLISECONDS         between SIGTERM and SIGKILL when the environment ends
 * --wait --uid N --gid N --cwd DIRECTORY --env NAME=VALUE… -- COMMAND…     a build step instead
 */
struct run_plan {
    struct id_maps maps;
    struct cgroup_plan cgroups;
    struct group_views views;
    struct root_image image;
    struct disk disk;
    struct operation *operations;
    size_t operation_count;
    bool sources_open;
    const char *store;
    const char *hostname;
    const char *pid_file;
    const char *emulator;
    /* Stays open while the first process lives; -1 where there is none. */
    int emulator_mount;
    struct network_plan network;
    bool wait;
    unsigned grace;
    uid_t uid;
    gid_t gid;
    const char *directory;
    char **environment;
    size_t environment_count;
    char **command;
};

/** Ends the process when an option is not one of these, or what is needed is missing. */
struct run_plan read_run_plan(struct args *args);
