#include "path-map.h"

#include <limits.h>
#include <string.h>

int map_path(const struct path_map *maps, size_t count, const char *path, char *out, struct fail *why)
{
    const struct path_map *chosen = NULL;
    for (size_t i = 0; i < count; i++)
        if ((strcmp(path, maps[i].from) == 0 || lies_below(path, maps[i].from)) &&
            (chosen == NULL || strlen(maps[i].from) > strlen(chosen->from)))
            chosen = &maps[i];
    if (chosen == NULL)
        return 0;
    const char *rest = path + strlen(chosen->from);
    rest += *rest == '/';
    size_t above = strlen(chosen->to), below = strlen(rest);
    bool both = above > 0 && below > 0;
    /* As with tar_clean_path(). */
    if (above + both + below + 1 >= PATH_MAX)
        return fail(why, "%.200s…: below /%.200s the path would be longer than %d bytes", path, chosen->to, PATH_MAX - 2);
    memcpy(out, chosen->to, above);
    if (both)
        out[above] = '/';
    memcpy(out + above + both, rest, below + 1);
    return 1;
}

bool lies_below(const char *path, const char *above)
{
    size_t length = strlen(above);
    return length == 0 ? path[0] != '\0' : strncmp(path, above, length) == 0 && path[length] == '/';
}
