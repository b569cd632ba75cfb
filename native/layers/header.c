#include "header.h"

#include "../lib/buffer.h"

#include <stdio.h>
#include <string.h>

/* POSIX.1-2017, pax, "ustar Interchange Format" */
struct block {
    char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], checksum[8], type, link[100];
    char magic[6], version[2], user[32], group[32], major[8], minor[8], prefix[155], rest[12];
};
_Static_assert(sizeof(struct block) == 512, "a tar header is one block");

enum { octal7 = 07777777 };
static const uint64_t octal11 = 077777777777;

static void write_block(struct sink *sink, char type, const char *path, const char *link, uint64_t mode, uint64_t uid,
                        uint64_t gid, uint64_t size, uint64_t mtime);
static void pax_record(struct buffer *records, const char *key, const void *value, size_t size);
static void pax_number(struct buffer *records, const char *key, uint64_t number);

void header_write(struct sink *sink, const struct header *header)
{
    struct buffer records = {0};
    const char *link = header->link == NULL ? "" : header->link;
    uint64_t mtime = (uint64_t)header->mtime;
    for (size_t i = 0; i < header->xattr_count; i++) {
        struct buffer key = {0};
        buffer_format(&key, "SCHILY.xattr.%s", header->xattrs[i].name);
        pax_record(&records, key.data, header->xattrs[i].value, header->xattrs[i].size);
        buffer_free(&key);
    }
    /* Keys in bytewise order, so that equal members have equal headers. */
    if (header->gid > octal7)
        pax_number(&records, "gid", header->gid);
    if (strlen(link) > 100)
        pax_record(&records, "linkpath", link, strlen(link));
    if (mtime > octal11)
        pax_number(&records, "mtime", mtime);
    if (strlen(header->path) > 100)
        pax_record(&records, "path", header->path, strlen(header->path));
    if (header->size > octal11)
        pax_number(&records, "size", header->size);
    if (header->uid > octal7)
        pax_number(&records, "uid", header->uid);

    if (records.size > 0) {
        write_block(sink, 'x', "././@PaxHeader", "", 0644, 0, 0, records.size, 0);
        sink_write(sink, records.data, records.size);
        sink_zeros(sink, (512 - records.size % 512) % 512);
    }
    buffer_free(&records);
    write_block(sink, header->type, header->path, link, header->mode, header->uid > octal7 ? 0 : header->uid,
                header->gid > octal7 ? 0 : header->gid, header->size > octal11 ? 0 : header->size,
                mtime > octal11 ? 0 : mtime);
}

static void octal(char *field, size_t width, uint64_t value)
{
    field[width - 1] = '\0';
    for (size_t i = width - 1; i-- > 0; value >>= 3)
        field[i] = (char)('0' + (value & 7));
}

static void write_block(struct sink *sink, char type, const char *path, const char *link, uint64_t mode, uint64_t uid,
                        uint64_t gid, uint64_t size, uint64_t mtime)
{
    struct block block = {.type = type, .magic = "ustar", .version = {'0', '0'}};
    memcpy(block.name, path, strnlen(path, sizeof block.name));
    memcpy(block.link, link, strnlen(link, sizeof block.link));
    octal(block.mode, sizeof block.mode, mode);
    octal(block.uid, sizeof block.uid, uid);
    octal(block.gid, sizeof block.gid, gid);
    octal(block.size, sizeof block.size, size);
    octal(block.mtime, sizeof block.mtime, mtime);
    octal(block.major, sizeof block.major, 0);
    octal(block.minor, sizeof block.minor, 0);
    memset(block.checksum, ' ', sizeof block.checksum);
    unsigned sum = 0;
    for (size_t i = 0; i < sizeof block; i++)
        sum += ((const unsigned char *)&block)[i];
    octal(block.checksum, sizeof block.checksum - 1, sum);
    sink_write(sink, &block, sizeof block);
}

/* The length counts its own digits. */
static void pax_record(struct buffer *records, const char *key, const void *value, size_t size)
{
    size_t rest = strlen(key) + size + 3, length = rest + 1;
    char digits[24];
    while (rest + (size_t)snprintf(digits, sizeof digits, "%zu", length) != length)
        length = rest + strlen(digits);
    buffer_format(records, "%zu %s=", length, key);
    buffer_append(records, value, size);
    buffer_text(records, "\n");
}

static void pax_number(struct buffer *records, const char *key, uint64_t number)
{
    char text[24];
    snprintf(text, sizeof text, "%llu", (unsigned long long)number);
    pax_record(records, key, text, strlen(text));
}
