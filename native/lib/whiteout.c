#include "whiteout.h"

#include <stdbool.h>
#include <string.h>

static const char prefix[] = ".wh.";
/* Docker passes over these as well; only the last of AUFS's own names became part of the format. */
static const char meta[] = ".wh..wh.";
static const char opaque[] = ".wh..wh..opq";

static bool begins(const char *name, size_t length, const char *with)
{
    size_t expected = strlen(with);
    return length >= expected && memcmp(name, with, expected) == 0;
}

int layer_name(const char *path, enum layer_name *kind, char *target, struct fail *why)
{
    const char *name = path;
    size_t length;
    *kind = NAME_PLAIN;
    for (; length = strcspn(name, "/"), name[length] == '/'; name += length + 1) {
        if (begins(name, length, meta)) {
            *kind = NAME_IGNORED;
            return 0;
        }
        if (begins(name, length, prefix))
            return fail(why, "/%s: below a whiteout nothing can be", path);
    }
    if (!begins(name, length, prefix))
        return 0;
    size_t above = (size_t)(name - path);
    memcpy(target, path, above);
    target[above] = '\0';
    if (strcmp(name, opaque) == 0) {
        *kind = NAME_OPAQUE;
        if (above > 0)
            target[above - 1] = '\0';
        return 0;
    }
    if (begins(name, length, meta)) {
        *kind = NAME_IGNORED;
        return 0;
    }
    name += strlen(prefix);
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return fail(why, "/%s: a whiteout of \"%s\" is refused", path, name);
    *kind = NAME_WHITEOUT;
    strcpy(target + above, name);
    return 0;
}

int compare_paths(const char *left, const char *right)
{
    while (*left == *right && *left != '\0')
        left++, right++;
    unsigned char a = (unsigned char)*left, b = (unsigned char)*right;
    if (a == b || a == '\0' || b == '\0')
        return (a > b) - (a < b);
    return a == '/' ? -1 : b == '/' ? 1 : (a > b) - (a < b);
}
