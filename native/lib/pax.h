#pragma once

#include "buffer.h"
#include "fail.h"
#include "tar.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What extended headers say about the next entry of an archive; it wins over the entry's own header. Starts as {0}. */
struct overrides {
    struct buffer path, link;
    bool has_path, has_link, has_size, has_mtime, has_uid, has_gid, is_sparse;
    uint64_t size, uid, gid;
    int64_t mtime;
    uint32_t nanoseconds;
    /** Their names and values lie in the text that was parsed. */
    struct tar_xattr *xattrs;
    size_t xattr_count;
};

/** Forgets everything, for another entry. */
void overrides_reset(struct overrides *next);
void overrides_free(struct overrides *next);

/**
 * Reads the records of a pax header (POSIX.1-2017, pax, "pax Extended Header"), which changes the text: keys and values
 * end with a NUL afterwards. -1 after filling `why`.
 */
int pax_parse(struct overrides *next, char *text, size_t size, struct fail *why);

/** The same for a global one, which may say nothing that concerns us. */
int pax_check_global(char *text, size_t size, struct fail *why);
