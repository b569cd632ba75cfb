#include "deb.h"

#include <stdbool.h>
#include <string.h>

enum { ar_header_size = 60 };

struct ar {
    const uint8_t *data;
    size_t size, used;
};

struct ar_member {
    char name[17];
    const uint8_t *data;
    size_t size;
};

static int ar_next(struct ar *ar, struct ar_member *member, struct fail *why);
static int ar_number(const uint8_t *field, size_t width, size_t *value);
static int tar_member(const struct ar_member *member, const char *stem, struct deb_member *out, struct fail *why);

int deb_open(struct deb *deb, const uint8_t *data, size_t size, struct fail *why)
{
    static const char magic[] = "!<arch>\n";
    if (size < sizeof magic - 1 || memcmp(data, magic, sizeof magic - 1) != 0)
        return fail(why, "not a Debian package: the ar signature is missing");
    struct ar ar = {data, size, sizeof magic - 1};
    struct ar_member member;

    if (ar_next(&ar, &member, why) < 0)
        return -1;
    if (strcmp(member.name, "debian-binary") != 0)
        return fail(why, "not a Debian package: its first member is \"%s\", not debian-binary", member.name);
    if (member.size < 4 || memcmp(member.data, "2.", 2) != 0 || memchr(member.data, '\n', member.size) == NULL)
        return fail(why, "debian-binary: the format version is not 2.x");

    /* deb(5): members whose name starts with "_" may stand before data.tar and are to be ignored. */
    do {
        if (ar_next(&ar, &member, why) < 0)
            return -1;
    } while (member.name[0] == '_');
    if (tar_member(&member, "control.tar", &deb->control, why) < 0)
        return -1;
    do {
        if (ar_next(&ar, &member, why) < 0)
            return -1;
    } while (member.name[0] == '_');
    return tar_member(&member, "data.tar", &deb->data, why);
}

static int ar_next(struct ar *ar, struct ar_member *member, struct fail *why)
{
    if (ar->size - ar->used < ar_header_size)
        return fail(why, "the package is cut off: an ar member is missing");
    const uint8_t *header = ar->data + ar->used;
    if (header[58] != '`' || header[59] != '\n')
        return fail(why, "the package is damaged: an ar header at byte %zu does not end as it must", ar->used);

    size_t length = 16;
    while (length > 0 && header[length - 1] == ' ')
        length--;
    if (length > 0 && header[length - 1] == '/')
        length--;
    if (length == 0)
        return fail(why, "the package is damaged: an ar member at byte %zu has no name", ar->used);
    for (size_t i = 0; i < length; i++)
        member->name[i] = header[i] > ' ' && header[i] < 0x7f ? (char)header[i] : '?';
    member->name[length] = '\0';

    if (ar_number(header + 48, 10, &member->size) < 0)
        return fail(why, "%s: the size in the ar header is not a number", member->name);
    ar->used += ar_header_size;
    if (member->size > ar->size - ar->used)
        return fail(why, "%s: the package is cut off: %zu bytes announced, %zu there", member->name, member->size,
                    ar->size - ar->used);
    member->data = ar->data + ar->used;
    ar->used += member->size;
    if (member->size % 2 == 1 && ar->used < ar->size) {
        if (ar->data[ar->used] != '\n')
            return fail(why, "%s: the package is damaged: the padding after the member is not a newline", member->name);
        ar->used++;
    }
    return 0;
}

/* Decimal digits, then blanks to the end of the field: ten digits fit in any size_t. */
static int ar_number(const uint8_t *field, size_t width, size_t *value)
{
    size_t i = 0;
    *value = 0;
    for (; i < width && field[i] >= '0' && field[i] <= '9'; i++)
        *value = *value * 10 + (size_t)(field[i] - '0');
    if (i == 0)
        return -1;
    for (; i < width; i++)
        if (field[i] != ' ')
            return -1;
    return 0;
}

static int tar_member(const struct ar_member *member, const char *stem, struct deb_member *out, struct fail *why)
{
    static const struct {
        const char *extension;
        enum compression compression;
    } known[] = {
        {"", COMPRESSION_NONE}, {".gz", COMPRESSION_GZIP}, {".xz", COMPRESSION_XZ}, {".zst", COMPRESSION_ZSTD}};
    size_t length = strlen(stem);
    if (strncmp(member->name, stem, length) != 0)
        return fail(why, "the package is damaged: the member \"%s\" stands where %s must be", member->name, stem);
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(member->name + length, known[i].extension) == 0) {
            *out = (struct deb_member){member->data, member->size, known[i].compression};
            return 0;
        }
    }
    return fail(why, "%s: this compression is not supported (gz, xz and zst are)", member->name);
}
