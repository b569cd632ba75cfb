#pragma once

#include "../lib/buffer.h"
#include "../lib/fail.h"
#include "../lib/root.h"

#include <stdbool.h>
#include <stdint.h>

/** A link at the top of the root that stands for a directory: /bin for /usr/bin. */
struct merged_link {
    const char *link;
    const char *target;
};

/** A directory entry of a package, applied after everything is in place. */
struct directory {
    char *path;
    uid_t uid;
    gid_t gid;
    mode_t mode;
    int64_t mtime;
    uint32_t nanoseconds;
};

/** One .deb: what the plan says, then what unpacking it found. */
struct package {
    const char *name, *architecture, *sha256, *file;
    int fd;
    uint64_t size;

    /** `NAME`, or `NAME:ARCHITECTURE` for Multi-Arch: same: how dpkg names its files. */
    struct buffer dpkg_name;
    struct buffer control, list, conffiles, triggers, md5sums;
    bool has_md5sums;
    struct directory *directories;
    size_t directory_count, directory_capacity;
};

struct unpacking {
    int root;
    const struct merged_link *links;
    size_t link_count;
    struct package *packages;
    size_t package_count;
};

/** Unpacks one package; called from several threads, each with its own `root`. */
int unpack_package(const struct unpacking *unpacking, struct package *package, struct root *root, struct fail *why);

/** Where dpkg keeps what it knows, and what unpack_package() writes below it. */
#define DPKG_DIRECTORY "var/lib/dpkg"
#define DPKG_INFO DPKG_DIRECTORY "/info"

/** Reads the fields of `package->control` that decide names; checks it against the plan. */
int dpkg_read_control(struct package *package, struct fail *why);

/** Writes the files of the dpkg database that concern all packages: status, triggers, format. */
int dpkg_write_database(const struct unpacking *unpacking, struct root *root, struct fail *why);
