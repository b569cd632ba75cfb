#include "glob.h"

#include <stddef.h>
#include <string.h>

/* Where to go on, and what the star stands for next, when what follows it does not match. */
struct retry {
    const char *pattern, *path;
    bool whole_names;
};

static bool longer(struct retry *star, char stop);

/* Of each kind only the last star need be tried again: it can take over whatever an earlier one would have taken. */
bool glob_matches(const char *pattern, const char *path)
{
    struct retry within = {0}, across = {0};
    const char *first = pattern;
    for (;;) {
        if (strncmp(pattern, "**", 2) == 0) {
            bool whole_names = (pattern == first || pattern[-1] == '/') && pattern[2] == '/';
            pattern += 2;
            pattern += whole_names;
            across = (struct retry){pattern, path, whole_names};
            within.pattern = NULL;
        } else if (*pattern == '*') {
            within = (struct retry){++pattern, path, false};
        } else if (*pattern == *path) {
            if (*path == '\0')
                return true;
            pattern++, path++;
        } else if (longer(&within, '/')) {
            pattern = within.pattern;
            path = within.path;
        } else if (longer(&across, '\0')) {
            within.pattern = NULL;
            pattern = across.pattern;
            path = across.path;
        } else {
            return false;
        }
    }
}

static bool longer(struct retry *star, char stop)
{
    if (star->pattern == NULL || *star->path == '\0' || *star->path == stop)
        return false;
    if (star->whole_names) {
        const char *slash = strchr(star->path, '/');
        if (slash == NULL)
            return false;
        star->path = slash;
    }
    star->path++;
    return true;
}
