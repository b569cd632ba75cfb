#include "../lib/glob.h"
#include "../lib/path-map.h"
#include "../lib/tar.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/*
 * Where an entry goes, and whether a pattern takes it. Input: two maps, a path and a pattern, NUL after each. The place
 * must be a clean path at or below that of the map, and the pattern must do what a simpler reading of it says.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *next_text(const char **text, const char *end)
{
    const char *start = *text;
    *text = start + strlen(start) < end ? start + strlen(start) + 1 : end;
    return start;
}

static bool simply_matches(const char *pattern, bool begins_name, const char *path)
{
    if (pattern[0] == '*' && pattern[1] == '*') {
        const char *rest = pattern + 2;
        if (begins_name && rest[0] == '/') {
            if (simply_matches(rest + 1, true, path))
                return true;
            for (; *path != '\0'; path++)
                if (*path == '/' && simply_matches(rest + 1, true, path + 1))
                    return true;
            return false;
        }
        for (;; path++) {
            if (simply_matches(rest, false, path))
                return true;
            if (*path == '\0')
                return false;
        }
    }
    if (pattern[0] == '*') {
        for (;; path++) {
            if (simply_matches(pattern + 1, false, path))
                return true;
            if (*path == '\0' || *path == '/')
                return false;
        }
    }
    return *pattern == *path && (*pattern == '\0' || simply_matches(pattern + 1, *pattern == '/', path + 1));
}

static void check_map(struct path_map *maps, const char *path)
{
    static char out[PATH_MAX], again[PATH_MAX];
    struct fail why;
    if (map_path(maps, 2, path, out, &why) <= 0)
        return;
    if (tar_clean_path(out, again, &why) < 0 || strcmp(out, again) != 0)
        abort();
    bool fits = false;
    for (int i = 0; i < 2; i++) {
        bool taken = strcmp(path, maps[i].from) == 0 || lies_below(path, maps[i].from);
        bool placed = strcmp(out, maps[i].to) == 0 || lies_below(out, maps[i].to);
        fits = fits || (taken && placed);
    }
    if (!fits)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[4 * PATH_MAX], clean[5][PATH_MAX];
    struct fail why;
    if (size >= sizeof text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    const char *next = text, *end = text + size;
    bool all_clean = true;
    for (int i = 0; i < 5; i++)
        all_clean = tar_clean_path(next_text(&next, end), clean[i], &why) == 0 && all_clean;
    if (all_clean && strcmp(clean[0], clean[2]) != 0)
        check_map((struct path_map[]){{clean[0], clean[1]}, {clean[2], clean[3]}}, clean[4]);

    const char *pattern = next_text(&next, end), *path = next_text(&next, end);
    size_t stars = 0;
    for (const char *star = pattern; (star = strchr(star, '*')) != NULL; star++)
        stars++;
    bool matches = glob_matches(pattern, path);
    if (stars <= 6 && strlen(path) <= 24 && matches != simply_matches(pattern, true, path))
        abort();
    return 0;
}
