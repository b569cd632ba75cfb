#pragma once

#include "buffer.h"
#include "fail.h"
#include "stream.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum tar_type { TAR_FILE, TAR_HARDLINK, TAR_SYMLINK, TAR_CHAR, TAR_BLOCK, TAR_DIRECTORY, TAR_FIFO };

struct tar_xattr {
    char *name;
    const char *value;
    size_t size;
};

struct tar_entry {
    enum tar_type type;
    /* Relative to the root, without "./", "//", ".." or a final slash; "" is the root itself. */
    const char *path;
    /* Of a hard link: cleaned like `path`. Of a symbolic link: as it stands. */
    const char *link;
    uint64_t size;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    /* Never before 1970. */
    int64_t mtime;
    uint32_t nanoseconds;
    const struct tar_xattr *xattrs;
    size_t xattr_count;
};

/* Reads ustar, GNU long names and POSIX pax records. */
struct tar;

struct tar *tar_open(struct stream *stream);

/**
 * Takes an archive that ends without an end mark, and without the padding of its last file, as there are some in images:
 * for who knows by a digest that nothing is missing.
 */
void tar_may_end(struct tar *tar);

/** 1 and the next entry, 0 at the end, -1 after filling `why`. What is left of the entry before is passed over. */
int tar_next(struct tar *tar, const struct tar_entry **entry, struct fail *why);

/** The next piece of the entry's content: its size, 0 at its end, -1 after filling `why`. */
ssize_t tar_content(struct tar *tar, const uint8_t **piece, struct fail *why);
void tar_close(struct tar *tar);

/**
 * Cleans a path from an archive: "./a//b/" becomes "a/b". Refuses absolute paths, "..", components and paths longer
 * than Linux takes. `out` has PATH_MAX bytes.
 */
int tar_clean_path(const char *path, char *out, struct fail *why);
