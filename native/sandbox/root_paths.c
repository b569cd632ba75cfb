#include "root_paths.h"

#include "../lib/syscalls.h"
#include "../lib/util.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int open_parent(int root, const char *path, const char **name);
static void make_empty_file(int parent, const char *name, const char *path);
static bool is_file(int parent, const char *name, mode_t mode, uid_t uid, gid_t gid, const char *content);

int open_in_root(int root, const char *path)
{
    return sys_openat2(root, path, O_PATH, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
}

int make_directory(int root, const char *path, mode_t mode, uid_t uid, gid_t gid)
{
    int fd = sys_openat2(root, path, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (fd >= 0)
        return fd;
    if (errno != ENOENT)
        die_errno("the directory %s cannot be opened in the root", path);
    const char *name;
    int parent = open_parent(root, path, &name);
    if (mkdirat(parent, name, mode) < 0)
        die_errno("the directory %s cannot be made in the root", path);
    /* By descriptor: below a bind somebody outside may put a link in its place. */
    fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        die_errno("the directory %s cannot be opened in the root", path);
    /* mkdir() is subject to the umask and knows no set-group-id. */
    if (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
        die_errno("owner and mode of %s cannot be set", path);
    close(parent);
    return fd;
}

int make_mount_point(int root, const char *path, bool directory)
{
    const char *name;
    int parent = open_parent(root, path, &name);
    if (directory) {
        if (mkdirat(parent, name, 0755) < 0 && errno != EEXIST)
            die_errno("the mount point %s cannot be made", path);
    } else {
        make_empty_file(parent, name, path);
    }
    /* Through openat2 again, so that what is mounted there already is seen. */
    int fd = sys_openat2(parent, name, O_PATH | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        die_errno("the mount point %s cannot be opened", path);
    if (S_ISLNK(status.st_mode))
        die("the mount point %s is a symbolic link in the image", path);
    if (directory != S_ISDIR(status.st_mode))
        die("the mount point %s is %sa directory in the image", path, directory ? "not " : "");
    close(parent);
    return fd;
}

static void make_empty_file(int parent, const char *name, const char *path)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int file = openat(parent, name, flags, 0644);
    struct stat status;
    /* In an image it leads to what a service makes when the machine boots, and here to nothing. */
    if (file < 0 && errno == EEXIST && fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(status.st_mode)) {
        if (unlinkat(parent, name, 0) < 0)
            die_errno("the link %s cannot be replaced", path);
        file = openat(parent, name, flags, 0644);
    }
    if (file < 0 && errno != EEXIST)
        die_errno("the mount point %s cannot be made", path);
    if (file >= 0)
        close(file);
}

void write_file(int root, const char *path, mode_t mode, uid_t uid, gid_t gid, const char *content)
{
    const char *name;
    int parent = open_parent(root, path, &name);
    if (is_file(parent, name, mode, uid, gid, content)) {
        close(parent);
        return;
    }
    if (unlinkat(parent, name, 0) < 0 && errno != ENOENT)
        die_errno("%s cannot be replaced", path);
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0 || write_all(fd, content, strlen(content)) < 0)
        die_errno("%s cannot be written", path);
    if (fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
        die_errno("owner and mode of %s cannot be set", path);
    close(fd);
    close(parent);
}

/* A start finds mostly what the one before wrote; new files are the dearest thing of all that it does. */
static bool is_file(int parent, const char *name, mode_t mode, uid_t uid, gid_t gid, const char *content)
{
    size_t size = strlen(content);
    struct stat status;
    bool same = false;
    int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 07777) == mode &&
        status.st_uid == uid && status.st_gid == gid && (size_t)status.st_size == size) {
        char *present = xcalloc(size + 1, 1);
        same = read(fd, present, size) == (ssize_t)size && memcmp(present, content, size) == 0;
        free(present);
    }
    close(fd);
    return same;
}

void make_link(int root, const char *path, const char *target)
{
    const char *name;
    int parent = open_parent(root, path, &name);
    if (symlinkat(target, parent, name) < 0 && errno != EEXIST)
        die_errno("the link %s cannot be made", path);
    close(parent);
}

static int open_parent(int root, const char *path, const char **name)
{
    const char *slash = strrchr(path, '/');
    if (path[0] != '/' || slash[1] == '\0' || strcmp(slash, "/..") == 0 || strcmp(slash, "/.") == 0)
        die("%s: not an absolute path of something below the root", path);
    *name = slash + 1;
    if (slash == path)
        return make_directory(root, "/", 0755, 0, 0);
    char *directory = xprintf("%.*s", (int)(slash - path), path);
    int fd = make_directory(root, directory, 0755, 0, 0);
    free(directory);
    return fd;
}
