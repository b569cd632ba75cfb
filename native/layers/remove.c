#include "../lib/remove.h"

#include "../lib/syscalls.h"
#include "../lib/util.h"
#include "layers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void remove_path(int store, const char *path);

int remove_paths(int store, size_t count, char *const *paths)
{
    for (size_t i = 0; i < count; i++)
        remove_path(store, paths[i]);
    return 0;
}

static void remove_path(int store, const char *path)
{
    char *parent = xprintf("%s", path);
    char *slash = strrchr(parent, '/');
    const char *name = slash == NULL ? parent : slash + 1;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        die("%s: not a path below the store", path);
    if (slash != NULL)
        *slash = '\0';
    int fd = sys_openat2(store, slash == NULL ? "." : parent, O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (fd < 0 && errno != ENOENT)
        die_errno("%s cannot be opened in the store", path);
    if (fd >= 0) {
        remove_tree(fd, name, path);
        close(fd);
    }
    free(parent);
}
