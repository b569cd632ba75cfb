#include "pax.h"

#include <stdlib.h>
#include <string.h>

static int parse(struct overrides *next, char *text, size_t left, struct fail *why);
static int apply(struct overrides *next, const char *key, const char *value, size_t size, struct fail *why);
static int check_global(const char *key, struct fail *why);
static int time_of(struct overrides *next, const char *value, size_t size, struct fail *why);
static int whole_number(const char *value, size_t size, const char *key, uint64_t *number, struct fail *why);

void overrides_reset(struct overrides *next)
{
    *next = (struct overrides){.path = next->path, .link = next->link, .xattrs = next->xattrs};
}

void overrides_free(struct overrides *next)
{
    buffer_free(&next->path);
    buffer_free(&next->link);
    free(next->xattrs);
}

int pax_parse(struct overrides *next, char *text, size_t size, struct fail *why)
{
    return parse(next, text, size, why);
}

int pax_check_global(char *text, size_t size, struct fail *why)
{
    return parse(NULL, text, size, why);
}

/* "LENGTH KEY=VALUE\n", LENGTH counting itself; `next` is NULL for a global header. */
static int parse(struct overrides *next, char *text, size_t left, struct fail *why)
{
    while (left > 0) {
        size_t length = 0, digits = 0;
        for (; digits < left && digits < 8 && text[digits] >= '0' && text[digits] <= '9'; digits++)
            length = length * 10 + (size_t)(text[digits] - '0');
        if (digits == 0 || digits >= left || text[digits] != ' ' || length > left || length < digits + 4 ||
            text[length - 1] != '\n')
            return fail(why, "a pax header is damaged");
        char *key = text + digits + 1;
        char *equals = memchr(key, '=', length - digits - 2);
        if (equals == NULL || equals == key || memchr(key, '\0', (size_t)(equals - key)) != NULL)
            return fail(why, "a pax header is damaged");
        *equals = '\0';
        text[length - 1] = '\0';
        size_t size = (size_t)(text + length - 1 - (equals + 1));
        if ((next == NULL ? check_global(key, why) : apply(next, key, equals + 1, size, why)) < 0)
            return -1;
        text += length;
        left -= length;
    }
    return 0;
}

static int apply(struct overrides *next, const char *key, const char *value, size_t size, struct fail *why)
{
    static const char xattr[] = "SCHILY.xattr.";
    if (strncmp(key, xattr, sizeof xattr - 1) == 0) {
        struct tar_xattr *xattrs = reallocarray(next->xattrs, next->xattr_count + 1, sizeof *xattrs);
        if (xattrs == NULL)
            return fail(why, "out of memory");
        next->xattrs = xattrs;
        xattrs[next->xattr_count++] = (struct tar_xattr){(char *)key + sizeof xattr - 1, value, size};
        return 0;
    }
    if (strcmp(key, "path") == 0 || strcmp(key, "linkpath") == 0) {
        struct buffer *into = key[0] == 'p' ? &next->path : &next->link;
        if (memchr(value, '\0', size) != NULL)
            return fail(why, "%s: a name with a NUL byte is refused", value);
        buffer_clear(into);
        buffer_append(into, value, size);
        *(key[0] == 'p' ? &next->has_path : &next->has_link) = true;
        return 0;
    }
    if (strcmp(key, "size") == 0) {
        next->has_size = true;
        return whole_number(value, size, key, &next->size, why);
    }
    if (strcmp(key, "uid") == 0) {
        next->has_uid = true;
        return whole_number(value, size, key, &next->uid, why);
    }
    if (strcmp(key, "gid") == 0) {
        next->has_gid = true;
        return whole_number(value, size, key, &next->gid, why);
    }
    if (strcmp(key, "mtime") == 0)
        return time_of(next, value, size, why);
    if (strncmp(key, "GNU.sparse.", 11) == 0)
        next->is_sparse = true;
    return 0;
}

/*
 * git writes a comment there. What changes the entries behind it is taken to heart by some readers and passed over by
 * others, so that the archive has two meanings.
 */
static int check_global(const char *key, struct fail *why)
{
    static const char *const meaningful[] = {"path", "linkpath", "size", "uid", "gid", "mtime"};
    bool refused = strncmp(key, "SCHILY.xattr.", 13) == 0 || strncmp(key, "GNU.sparse.", 11) == 0;
    for (size_t i = 0; i < sizeof meaningful / sizeof *meaningful; i++)
        refused = refused || strcmp(key, meaningful[i]) == 0;
    return refused ? fail(why, "a global pax header that sets %.80s is not supported", key) : 0;
}

/* A decimal fraction; a time before 1970 becomes 1970, as containerd has it. */
static int time_of(struct overrides *next, const char *value, size_t size, struct fail *why)
{
    bool negative = size > 0 && value[0] == '-';
    const char *seconds = value + negative, *end = value + size;
    const char *point = memchr(seconds, '.', (size_t)(end - seconds));
    uint64_t number;
    if (whole_number(seconds, (size_t)((point == NULL ? end : point) - seconds), "mtime", &number, why) < 0)
        return -1;
    next->has_mtime = true;
    next->mtime = negative ? 0 : (int64_t)number;
    next->nanoseconds = 0;
    uint32_t unit = 100000000;
    for (const char *digit = point == NULL ? end : point + 1; digit < end; digit++, unit /= 10) {
        if (*digit < '0' || *digit > '9')
            return fail(why, "the pax record mtime=%.40s is not a number in range", value);
        next->nanoseconds += (uint32_t)(*digit - '0') * unit;
    }
    if (negative)
        next->nanoseconds = 0;
    return 0;
}

static int whole_number(const char *value, size_t size, const char *key, uint64_t *number, struct fail *why)
{
    *number = 0;
    if (size == 0 || size > 18)
        return fail(why, "the pax record %s=%.40s is not a number in range", key, value);
    for (size_t i = 0; i < size; i++) {
        if (value[i] < '0' || value[i] > '9')
            return fail(why, "the pax record %s=%.40s is not a number in range", key, value);
        *number = *number * 10 + (uint64_t)(value[i] - '0');
    }
    return 0;
}
