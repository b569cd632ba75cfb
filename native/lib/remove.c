#include "remove.h"

#include "syscalls.h"
#include "util.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What is below `top`, however deep, is removed with few descriptors and little stack. */
struct removal {
    const char *path;
    int top;
    unsigned long moved;
};

#define DEPTH_MOST 64

static void remove_directory(int parent, const char *name, const char *path);
static void empty_directory(struct removal *removal, int fd, unsigned depth);
static void remove_below(struct removal *removal, int parent, const char *name, unsigned depth);
static bool unlink_file(int parent, const char *name, const char *path);
static int open_directory(int parent, const char *name, const char *path);
static void move_to_top(struct removal *removal, int parent, const char *name);

void remove_tree(int parent, const char *name, const char *path)
{
    if (!unlink_file(parent, name, path))
        remove_directory(parent, name, path);
}

static void remove_directory(int parent, const char *name, const char *path)
{
    struct removal removal = {.path = path, .top = open_directory(parent, name, path)};
    unsigned long moved;
    do {
        moved = removal.moved;
        int fd = open_directory(removal.top, ".", path);
        empty_directory(&removal, fd, 0);
    } while (removal.moved != moved);
    close(removal.top);
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
        die_errno("%s cannot be removed", path);
}

/* Closes the descriptor. */
static void empty_directory(struct removal *removal, int fd, unsigned depth)
{
    DIR *directory = fdopendir(fd);
    if (directory == NULL)
        die_errno("%s cannot be read", removal->path);
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_below(removal, fd, entry->d_name, depth);
    }
    if (errno != 0)
        die_errno("%s cannot be read", removal->path);
    closedir(directory);
}

static void remove_below(struct removal *removal, int parent, const char *name, unsigned depth)
{
    if (unlink_file(parent, name, removal->path))
        return;
    if (depth == DEPTH_MOST) {
        move_to_top(removal, parent, name);
        return;
    }
    empty_directory(removal, open_directory(parent, name, removal->path), depth + 1);
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
        die_errno("%s cannot be removed", removal->path);
}

/* False for a directory. What is not there any more needs no removal. */
static bool unlink_file(int parent, const char *name, const char *path)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return true;
    if (errno != EISDIR && errno != EPERM)
        die_errno("%s cannot be removed", path);
    return false;
}

static int open_directory(int parent, const char *name, const char *path)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        die_errno("%s cannot be opened", path);
    return fd;
}

/* For a later pass over the directories at the top. */
static void move_to_top(struct removal *removal, int parent, const char *name)
{
    int result;
    do {
        char *place = xprintf("removed-%lu", removal->moved++);
        result = sys_renameat2(parent, name, removal->top, place, RENAME_NOREPLACE);
        free(place);
    } while (result < 0 && errno == EEXIST);
    if (result < 0)
        die_errno("%s is too deep", removal->path);
}
