#pragma once

#include "../lib/fail.h"
#include "sink.h"

#include <stdint.h>
#include <sys/types.h>

struct header_xattr {
    char *name;
    void *value;
    size_t size;
};

/** One member of an archive, as its header says it. */
struct header {
    /** POSIX type flag: '0' file, '1' hard link, '2' symbolic link, '5' directory, '6' FIFO. */
    char type;
    /** A directory's ends with "/". */
    const char *path;
    /** Of a link; else NULL. */
    const char *link;
    mode_t mode;
    uid_t uid;
    gid_t gid;
    uint64_t size;
    int64_t mtime;
    /** Sorted by name. */
    const struct header_xattr *xattrs;
    size_t xattr_count;
};

/**
 * Writes the header: plain ustar where everything fits, with a pax header in front where not. The same member gives
 * the same bytes everywhere; the content and its padding are left to the caller.
 */
void header_write(struct sink *sink, const struct header *header);
