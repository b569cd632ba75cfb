#include "layers.h"

#include "../lib/syscalls.h"
#include "../lib/util.h"
#include "store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Files with several names that were met, by device and inode; open addressing, never more than half full. */
struct seen {
    struct place {
        dev_t device;
        ino_t inode;
    } *places;
    size_t count;
    size_t capacity;
};

/* Deep trees need a descriptor for each level; what lies deeper is not counted. */
#define DEPTH_MOST 256

static uint64_t measure_path(int store, const char *path, struct seen *seen);
static uint64_t measure_entry(int parent, const char *name, struct seen *seen, unsigned depth);
static uint64_t measure_directory(int fd, struct seen *seen, unsigned depth);
static bool is_new(struct seen *seen, const struct stat *status);
static struct place *place_of(const struct seen *seen, dev_t device, ino_t inode);
static void grow(struct seen *seen);

int measure(int store, size_t count, char *const *paths)
{
    struct seen seen = {0};
    end_with_caller();
    for (size_t i = 0; i < count; i++)
        printf("%llu\n", (unsigned long long)measure_path(store, paths[i], &seen));
    free(seen.places);
    if (fflush(stdout) != 0)
        die_errno("the sizes cannot be printed");
    return 0;
}

static uint64_t measure_path(int store, const char *path, struct seen *seen)
{
    char *parent = xprintf("%s", path);
    char *slash = strrchr(parent, '/');
    const char *name = slash == NULL ? parent : slash + 1;
    uint64_t bytes = 0;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        die("%s: not a path below the store", path);
    if (slash != NULL)
        *slash = '\0';
    int fd = sys_openat2(store, slash == NULL ? "." : parent, O_RDONLY | O_DIRECTORY, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
    if (fd < 0 && errno != ENOENT)
        die_errno("%s cannot be opened in the store", path);
    if (fd >= 0) {
        bytes = measure_entry(fd, name, seen, 0);
        close(fd);
    }
    free(parent);
    return bytes;
}

/* What vanishes meanwhile or cannot be read takes nothing: the sum is for people. */
static uint64_t measure_entry(int parent, const char *name, struct seen *seen, unsigned depth)
{
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return 0;
    bool is_directory = S_ISDIR(status.st_mode);
    if (!is_directory && status.st_nlink > 1 && !is_new(seen, &status))
        return 0;
    uint64_t bytes = (uint64_t)status.st_blocks * 512;
    if (!is_directory || depth == DEPTH_MOST)
        return bytes;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? bytes : bytes + measure_directory(fd, seen, depth + 1);
}

/* Closes the descriptor. */
static uint64_t measure_directory(int fd, struct seen *seen, unsigned depth)
{
    uint64_t bytes = 0;
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        close(fd);
        return 0;
    }
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            bytes += measure_entry(fd, entry->d_name, seen, depth);
    closedir(directory);
    return bytes;
}

static bool is_new(struct seen *seen, const struct stat *status)
{
    if (2 * (seen->count + 1) > seen->capacity)
        grow(seen);
    struct place *place = place_of(seen, status->st_dev, status->st_ino);
    if (place->inode != 0)
        return false;
    *place = (struct place){status->st_dev, status->st_ino};
    seen->count++;
    return true;
}

/* Where it is, or the empty place where it belongs: no file has the inode 0. */
static struct place *place_of(const struct seen *seen, dev_t device, ino_t inode)
{
    size_t at = (size_t)(inode * 0x9e3779b97f4a7c15ULL >> 20) & (seen->capacity - 1);
    while (seen->places[at].inode != 0 && (seen->places[at].inode != inode || seen->places[at].device != device))
        at = (at + 1) & (seen->capacity - 1);
    return &seen->places[at];
}

static void grow(struct seen *seen)
{
    struct seen grown = {.capacity = seen->capacity == 0 ? 1024 : 2 * seen->capacity, .count = seen->count};
    grown.places = xcalloc(grown.capacity, sizeof *grown.places);
    for (size_t i = 0; i < seen->capacity; i++)
        if (seen->places[i].inode != 0)
            *place_of(&grown, seen->places[i].device, seen->places[i].inode) = seen->places[i];
    free(seen->places);
    *seen = grown;
}
