#include "tar.h"

#include "pax.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum {
    block_size = 512,
    /* Long names and pax records; real ones are a few hundred bytes. */
    metadata_limit = 1024 * 1024,
};

/* POSIX.1-2017, pax, "ustar Interchange Format" */
struct header {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct header) == block_size, "a tar header is one block");

struct tar {
    struct stream *stream;
    const uint8_t *piece;
    size_t piece_left;
    uint64_t content_left;
    size_t padding_left;
    bool ended, may_end;
    struct overrides next;
    /* Names and values of the next entry's attributes lie in the former, so that a global header has its own. */
    struct buffer records, global_records;
    struct tar_entry entry;
    char path[PATH_MAX], link[PATH_MAX];
};

static int read_block(struct tar *tar, struct header *header, struct fail *why);
static int pass_entry(struct tar *tar, struct fail *why);
static int pass_over(struct tar *tar, uint64_t size, struct fail *why);
static int fill(struct tar *tar, struct fail *why);
static int read_metadata(struct tar *tar, uint64_t size, struct buffer *out, struct fail *why);
static int check_header(const struct header *header, struct fail *why);
static int read_extension(struct tar *tar, const struct header *header, uint64_t size, struct fail *why);
static int make_entry(struct tar *tar, const struct header *header, uint64_t size, struct fail *why);
static int pass_end(struct tar *tar, struct fail *why);
static int field_number(const char *field, size_t width, const char *what, uint64_t *value, struct fail *why);

struct tar *tar_open(struct stream *stream)
{
    struct tar *tar = calloc(1, sizeof *tar);
    if (tar != NULL)
        tar->stream = stream;
    return tar;
}

void tar_may_end(struct tar *tar)
{
    tar->may_end = true;
}

void tar_close(struct tar *tar)
{
    if (tar == NULL)
        return;
    overrides_free(&tar->next);
    buffer_free(&tar->records);
    buffer_free(&tar->global_records);
    free(tar);
}

int tar_next(struct tar *tar, const struct tar_entry **entry, struct fail *why)
{
    if (tar->ended)
        return 0;
    overrides_reset(&tar->next);
    for (bool extended = false;; extended = true) {
        struct header header;
        uint64_t size;
        int got = extended ? 1 : pass_entry(tar, why);
        if (got > 0)
            got = read_block(tar, &header, why);
        if (got < 0)
            return -1;
        if (got == 0) {
            tar->ended = true;
            return pass_end(tar, why);
        }
        if (check_header(&header, why) < 0 || field_number(header.size, sizeof header.size, "size", &size, why) < 0)
            return -1;
        if (header.type == 'x' || header.type == 'g' || header.type == 'L' || header.type == 'K') {
            if (read_extension(tar, &header, size, why) < 0)
                return -1;
            continue;
        }
        if (make_entry(tar, &header, size, why) < 0)
            return -1;
        *entry = &tar->entry;
        return 1;
    }
}

/* 1 at the next header, 0 at an end without a mark that may be one. */
static int pass_entry(struct tar *tar, struct fail *why)
{
    if (pass_over(tar, tar->content_left, why) < 0)
        return -1;
    tar->content_left = 0;
    int more = tar->may_end ? fill(tar, why) : 1;
    if (more > 0 && pass_over(tar, tar->padding_left, why) < 0)
        return -1;
    tar->padding_left = 0;
    return more > 0 && tar->may_end ? fill(tar, why) : more;
}

ssize_t tar_content(struct tar *tar, const uint8_t **piece, struct fail *why)
{
    if (tar->content_left == 0)
        return 0;
    int got = fill(tar, why);
    if (got < 0)
        return fail_within(why, tar->path);
    if (got == 0)
        return fail(why, "%s: the archive ends in the middle of this file", tar->path);
    size_t size = tar->piece_left < tar->content_left ? tar->piece_left : (size_t)tar->content_left;
    *piece = tar->piece;
    tar->piece += size;
    tar->piece_left -= size;
    tar->content_left -= size;
    return (ssize_t)size;
}

int tar_clean_path(const char *path, char *out, struct fail *why)
{
    size_t used = 0;
    if (path[0] == '/')
        return fail(why, "%s: an absolute path is refused", path);
    while (*path != '\0') {
        size_t length = strcspn(path, "/");
        bool dot = length == 1 && path[0] == '.';
        if (length == 2 && path[0] == '.' && path[1] == '.')
            return fail(why, "%s%s%.*s: a path with \"..\" is refused", used > 0 ? out : "", used > 0 ? "/" : "",
                        200, path);
        if (length > NAME_MAX)
            return fail(why, "%.*s…: a name longer than %d bytes is refused", 60, path, NAME_MAX);
        if (length > 0 && !dot) {
            if (used + length + 2 > PATH_MAX)
                return fail(why, "%.*s…: a path longer than %d bytes is refused", 200, out, PATH_MAX - 2);
            if (used > 0)
                out[used++] = '/';
            memcpy(out + used, path, length);
            used += length;
            out[used] = '\0';
        }
        path += length;
        while (*path == '/')
            path++;
    }
    out[used] = '\0';
    return 0;
}

/* 1 and a header, 0 at the end of the archive (an empty block, or nothing at all). */
static int read_block(struct tar *tar, struct header *header, struct fail *why)
{
    uint8_t *out = (uint8_t *)header;
    size_t have = 0;
    while (have < block_size) {
        int got = fill(tar, why);
        if (got < 0)
            return -1;
        if (got == 0)
            return fail(why, have == 0 ? "the archive has no end mark: it is cut off"
                                       : "the archive ends in the middle of a header");
        size_t take = tar->piece_left < block_size - have ? tar->piece_left : block_size - have;
        memcpy(out + have, tar->piece, take);
        tar->piece += take;
        tar->piece_left -= take;
        have += take;
    }
    for (size_t i = 0; i < block_size; i++)
        if (out[i] != 0)
            return 1;
    return 0;
}

/* Reading on to the end makes the decompressor check its own sums. Some readers find more entries behind an end. */
static int pass_end(struct tar *tar, struct fail *why)
{
    int got;
    while ((got = fill(tar, why)) > 0) {
        /* All bytes are zero when the first one is and each is like the one before. */
        if (tar->piece[0] != 0 || memcmp(tar->piece, tar->piece + 1, tar->piece_left - 1) != 0)
            return fail(why, "there is data behind the end mark of the archive");
        tar->piece_left = 0;
    }
    return got;
}

static int fill(struct tar *tar, struct fail *why)
{
    while (tar->piece_left == 0) {
        ssize_t got = stream_next(tar->stream, &tar->piece, why);
        if (got <= 0)
            return (int)got;
        tar->piece_left = (size_t)got;
    }
    return 1;
}

static int pass_over(struct tar *tar, uint64_t size, struct fail *why)
{
    while (size > 0) {
        int got = fill(tar, why);
        if (got < 0)
            return -1;
        if (got == 0)
            return fail(why, "%s: the archive ends in the middle of this entry", tar->path);
        size_t take = tar->piece_left < size ? tar->piece_left : (size_t)size;
        tar->piece += take;
        tar->piece_left -= take;
        size -= take;
    }
    return 0;
}

static size_t padding(uint64_t size)
{
    return (size_t)((block_size - size % block_size) % block_size);
}

static int read_metadata(struct tar *tar, uint64_t size, struct buffer *out, struct fail *why)
{
    if (size > metadata_limit)
        return fail(why, "an extended header of %llu bytes is refused", (unsigned long long)size);
    buffer_clear(out);
    char *into = buffer_reserve(out, (size_t)size);
    size_t have = 0;
    while (have < size) {
        int got = fill(tar, why);
        if (got < 0)
            return -1;
        if (got == 0)
            return fail(why, "the archive ends in the middle of an extended header");
        size_t take = tar->piece_left < size - have ? tar->piece_left : (size_t)size - have;
        memcpy(into + have, tar->piece, take);
        tar->piece += take;
        tar->piece_left -= take;
        have += take;
    }
    into[size] = '\0';
    out->size = (size_t)size;
    return pass_over(tar, padding(size), why);
}

static int check_header(const struct header *header, struct fail *why)
{
    uint64_t expected;
    unsigned sum = 0;
    const unsigned char *bytes = (const unsigned char *)header;
    for (size_t i = 0; i < block_size; i++)
        sum += bytes[i];
    for (size_t i = 0; i < sizeof header->checksum; i++)
        sum = sum - (unsigned char)header->checksum[i] + ' ';
    if (field_number(header->checksum, sizeof header->checksum, "checksum", &expected, why) < 0)
        return -1;
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
    if (expected != sum)
        return fail(why, "%.100s: the header's checksum is wrong: the archive is damaged", header->name);
#else
    (void)expected;
#endif
    return 0;
}

static int read_extension(struct tar *tar, const struct header *header, uint64_t size, struct fail *why)
{
    struct buffer *out = header->type == 'L'   ? &tar->next.path
                         : header->type == 'K' ? &tar->next.link
                         : header->type == 'g' ? &tar->global_records
                                               : &tar->records;
    if (read_metadata(tar, size, out, why) < 0)
        return -1;
    if (header->type == 'g')
        return pax_check_global(out->data, out->size, why);
    if (header->type == 'x') {
        tar->next.xattr_count = 0;
        return pax_parse(&tar->next, out->data, out->size, why);
    }
    /* GNU long names end with one NUL. */
    if (strlen(out->data) + 1 < out->size)
        return fail(why, "%s: a name with a NUL byte is refused", out->data);
    if (header->type == 'L')
        tar->next.has_path = true;
    else
        tar->next.has_link = true;
    return 0;
}

static int entry_type(char flag, const char *path, enum tar_type *type, struct fail *why)
{
    size_t length = strlen(path);
    switch (flag) {
    case '0':
    case '\0':
    case '7':
        /* Before POSIX a directory was a file whose name ends in a slash. */
        *type = flag == '\0' && length > 0 && path[length - 1] == '/' ? TAR_DIRECTORY : TAR_FILE;
        return 0;
    case '1':
        *type = TAR_HARDLINK;
        return 0;
    case '2':
        *type = TAR_SYMLINK;
        return 0;
    case '3':
        *type = TAR_CHAR;
        return 0;
    case '4':
        *type = TAR_BLOCK;
        return 0;
    case '5':
        *type = TAR_DIRECTORY;
        return 0;
    case '6':
        *type = TAR_FIFO;
        return 0;
    default:
        return fail(why, "%s: an entry of type '%c' is not supported", path, flag > ' ' && flag < 0x7f ? flag : '?');
    }
}

/* In GNU's binary form: a time before 1970, which becomes 1970. */
static bool is_negative(const char *field)
{
    return ((unsigned char)field[0] & 0xc0) == 0xc0;
}

static int make_entry(struct tar *tar, const struct header *header, uint64_t size, struct fail *why)
{
    struct tar_entry *entry = &tar->entry;
    char name[sizeof header->prefix + sizeof header->name + 2], link[sizeof header->link + 1];
    bool ustar = memcmp(header->magic, "ustar\0", 6) == 0;
    size_t prefix = ustar ? strnlen(header->prefix, sizeof header->prefix) : 0;
    size_t length = strnlen(header->name, sizeof header->name);
    memcpy(name, header->prefix, prefix);
    if (prefix > 0)
        name[prefix++] = '/';
    memcpy(name + prefix, header->name, length);
    name[prefix + length] = '\0';
    length = strnlen(header->link, sizeof header->link);
    memcpy(link, header->link, length);
    link[length] = '\0';

    const char *path = tar->next.has_path ? tar->next.path.data : name;
    const char *target = tar->next.has_link ? tar->next.link.data : link;
    tar->path[0] = '\0';
    if (path[0] == '\0')
        return fail(why, "an entry without a name is refused");
    if (entry_type(header->type, path, &entry->type, why) < 0 || tar_clean_path(path, tar->path, why) < 0)
        return -1;
    if (tar->path[0] == '\0' && entry->type != TAR_DIRECTORY)
        return fail(why, "%s: the root of the archive must be a directory", path);

    if (tar->next.is_sparse)
        return fail(why, "%s: a sparse file is not supported", tar->path);

    uint64_t mode, uid, gid, mtime = 0;
    if (field_number(header->mode, sizeof header->mode, "mode", &mode, why) < 0 ||
        field_number(header->uid, sizeof header->uid, "uid", &uid, why) < 0 ||
        field_number(header->gid, sizeof header->gid, "gid", &gid, why) < 0 ||
        (!is_negative(header->mtime) && field_number(header->mtime, sizeof header->mtime, "mtime", &mtime, why) < 0))
        return fail_within(why, tar->path);
    size = tar->next.has_size ? tar->next.size : size;
    uid = tar->next.has_uid ? tar->next.uid : uid;
    gid = tar->next.has_gid ? tar->next.gid : gid;
    if (size > INT64_MAX - block_size)
        return fail(why, "%s: a size of %llu bytes is refused", tar->path, (unsigned long long)size);
    if (uid >= UINT32_MAX || gid >= UINT32_MAX)
        return fail(why, "%s: an owner beyond 32 bits is refused", tar->path);
    if (mtime > INT64_MAX)
        return fail(why, "%s: a time beyond 63 bits is refused", tar->path);
    if (size > 0 && entry->type != TAR_FILE)
        return fail(why, "%s: only a file can have content", tar->path);

    entry->link = NULL;
    if (entry->type == TAR_HARDLINK || entry->type == TAR_SYMLINK) {
        if (target[0] == '\0')
            return fail(why, "%s: a link without a target is refused", tar->path);
        if (strlen(target) >= PATH_MAX)
            return fail(why, "%s: a link target longer than %d bytes is refused", tar->path, PATH_MAX - 1);
        if (entry->type == TAR_SYMLINK)
            strcpy(tar->link, target);
        else if (tar_clean_path(target, tar->link, why) < 0)
            return fail_within(why, tar->path);
        entry->link = tar->link;
    }
    entry->path = tar->path;
    entry->size = size;
    entry->mode = (mode_t)(mode & 07777);
    entry->uid = (uid_t)uid;
    entry->gid = (gid_t)gid;
    entry->mtime = tar->next.has_mtime ? tar->next.mtime : (int64_t)mtime;
    entry->nanoseconds = tar->next.nanoseconds;
    entry->xattrs = tar->next.xattrs;
    entry->xattr_count = tar->next.xattr_count;
    tar->content_left = size;
    tar->padding_left = padding(size);
    return 0;
}

/* Octal digits, or (GNU) a first byte 0x80 and a big-endian number. */
static int field_number(const char *field, size_t width, const char *what, uint64_t *value, struct fail *why)
{
    const unsigned char *bytes = (const unsigned char *)field;
    size_t i = 0;
    *value = 0;
    if (bytes[0] & 0x80) {
        if (bytes[0] & 0x40)
            return fail(why, "a negative %s is refused", what);
        for (i = 0; i < width; i++) {
            if (*value >> 56)
                return fail(why, "a %s beyond 64 bits is refused", what);
            *value = *value << 8 | (i == 0 ? bytes[0] & 0x3f : bytes[i]);
        }
        return 0;
    }
    while (i < width && field[i] == ' ')
        i++;
    for (; i < width && field[i] >= '0' && field[i] <= '7'; i++)
        *value = *value << 3 | (uint64_t)(field[i] - '0');
    for (; i < width; i++)
        if (field[i] == '-')
            return fail(why, "a negative %s is refused", what);
        else if (field[i] != ' ' && field[i] != '\0')
            return fail(why, "the %s in a header is not a number", what);
    return 0;
}
