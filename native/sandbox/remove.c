#include "syscalls.h"
#include "verbs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void remove_path(int store, const char *path);
static void empty_directory(int fd, const char *path);
static void remove_entry(int parent, const char *name, const char *path);

int remove_paths(int store, size_t count, char *const *paths)
{
    /* One descriptor stays open for each level of the tree. */
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        if (setrlimit(RLIMIT_NOFILE, &files) < 0)
            die_errno("the limit of open files cannot be raised");
    }
    for (size_t i = 0; i < count; i++)
        remove_path(store, paths[i]);
    return 0;
}

/* What is not there any more needs no removal. */
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
        remove_entry(fd, name, path);
        close(fd);
    }
    free(parent);
}

static void remove_entry(int parent, const char *name, const char *path)
{
    if (unlinkat(parent, name, 0) == 0 || errno == ENOENT)
        return;
    if (errno != EISDIR && errno != EPERM)
        die_errno("%s cannot be removed", path);
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        die_errno("%s cannot be opened", path);
    empty_directory(fd, path);
    if (unlinkat(parent, name, AT_REMOVEDIR) < 0)
        die_errno("%s cannot be removed", path);
}

static void empty_directory(int fd, const char *path)
{
    DIR *directory = fdopendir(fd);
    if (directory == NULL)
        die_errno("%s cannot be read", path);
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (entry == NULL)
            break;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            remove_entry(dirfd(directory), entry->d_name, path);
    }
    if (errno != 0)
        die_errno("%s cannot be read", path);
    closedir(directory);
}
