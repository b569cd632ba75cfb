#include "root.h"

#include "remove.h"
#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

static int open_inside(int root, const char *path, int flags);
static int make_file(struct root *root, int parent, const char *name, const struct tar_entry *entry,
                     struct tar *content, const struct root_hooks *hooks, struct fail *why);
static int make_directory(struct root *root, int parent, const char *name, const struct tar_entry *entry,
                          struct fail *why);
static int make_hardlink(struct root *root, const char *rename, const struct tar_entry *entry, struct fail *why);
static int set_xattrs(int fd, const struct tar_entry *entry, struct fail *why);
static int set_owner_and_times(int parent, const char *name, const struct tar_entry *entry, struct fail *why);
static bool make_way(struct root *root, int parent, const char *name, const struct tar_entry *entry);
static int taken(const struct tar_entry *entry, struct fail *why);
static void set_times(struct timespec times[2], int64_t mtime, uint32_t nanoseconds);

void root_start(struct root *root, int fd)
{
    root->fd = fd;
    root->parent = -1;
    root->replaces = false;
    root->parent_path[0] = '\0';
}

void root_end(struct root *root)
{
    if (root->parent >= 0)
        close(root->parent);
    root->parent = -1;
}

int root_parent(struct root *root, const char *path, const char **name, struct fail *why)
{
    const char *slash = strrchr(path, '/');
    *name = slash == NULL ? path : slash + 1;
    if (slash == NULL)
        return root->fd;
    size_t length = (size_t)(slash - path);
    /* Archives are sorted by directory, so the last one is mostly the right one. */
    if (root->parent >= 0 && strncmp(root->parent_path, path, length) == 0 && root->parent_path[length] == '\0')
        return root->parent;
    root_end(root);
    memcpy(root->parent_path, path, length);
    root->parent_path[length] = '\0';
    root->parent = open_inside(root->fd, root->parent_path, O_PATH | O_DIRECTORY);
    if (root->parent < 0)
        return fail_errno(why, "/%s: its directory cannot be opened", path);
    return root->parent;
}

void root_forget(struct root *root)
{
    /* A path that led through what was removed may lead somewhere else from now on; no path is like this one. */
    strcpy(root->parent_path, "/");
}

int root_open_directory(struct root *root, const char *path, struct fail *why)
{
    int fd = open_inside(root->fd, path[0] == '\0' ? "." : path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    return fd < 0 ? fail_errno(why, "/%s: the directory cannot be opened", path) : fd;
}

int root_make_directories(struct root *root, const char *path, const struct path_hook *made, struct fail *why)
{
    char part[PATH_MAX];
    for (const char *end = path; *end != '\0';) {
        end += strcspn(end, "/");
        snprintf(part, sizeof part, "%.*s", (int)(end - path), path);
        const char *name;
        int parent = root_parent(root, part, &name, why);
        if (parent < 0)
            return -1;
        bool is_new = mkdirat(parent, name, 0755) == 0;
        if (!is_new && errno != EEXIST)
            return fail_errno(why, "/%s: the directory cannot be made", part);
        if (is_new && made != NULL)
            made->call(made->context, part);
        end += *end == '/';
    }
    return 0;
}

int root_status(struct root *root, const char *path, struct stat *status, struct fail *why)
{
    const char *name;
    int parent = root_parent(root, path, &name, why);
    if (parent < 0)
        return -1;
    if (fstatat(parent, name, status, AT_SYMLINK_NOFOLLOW | (name[0] == '\0' ? AT_EMPTY_PATH : 0)) == 0)
        return 1;
    return errno == ENOENT ? 0 : fail_errno(why, "/%s: cannot be read", path);
}

int root_make_whiteout(struct root *root, const char *path, struct fail *why)
{
    const char *name;
    int parent = root_parent(root, path, &name, why);
    if (parent < 0)
        return -1;
    /* Since Linux 5.8 this one device, which none is, may be made without any privilege. */
    if (mknodat(parent, name, S_IFCHR, makedev(0, 0)) < 0)
        return fail_errno(why, "/%s: the overlay whiteout cannot be made", path);
    return 0;
}

int root_mark_directory(struct root *root, const char *path, const char *mark, const char *value, struct fail *why)
{
    int fd = root_open_directory(root, path, why);
    if (fd < 0)
        return -1;
    int result = 0;
    if (fsetxattr(fd, mark, value, strlen(value), 0) < 0)
        result = fail_errno(why, "/%s: the overlay mark %s cannot be set", path, mark);
    close(fd);
    return result;
}

int root_write_file(struct root *root, const char *path, const void *data, size_t size, mode_t mode, int64_t mtime,
                    struct fail *why)
{
    const char *name;
    int parent = root_parent(root, path, &name, why);
    if (parent < 0)
        return -1;
    int fd = openat(parent, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return fail_errno(why, "/%s: the file cannot be made", path);
    if (write_all(fd, data, size) < 0) {
        fail_errno(why, "/%s: the file cannot be written", path);
        close(fd);
        return -1;
    }
    struct timespec times[2];
    set_times(times, mtime, 0);
    int result = mtime >= 0 && futimens(fd, times) < 0 ? fail_errno(why, "/%s: the time cannot be set", path) : 0;
    close(fd);
    return result;
}

int root_make_entry(struct root *root, const struct tar_entry *entry, const char *rename, struct tar *content,
                    const struct root_hooks *hooks, struct fail *why)
{
    const char *name;
    if (entry->path[0] == '\0')
        return 0;
    if (entry->type == TAR_HARDLINK)
        return make_hardlink(root, rename, entry, why);
    int parent = root_parent(root, entry->path, &name, why);
    if (parent < 0)
        return -1;
    if (rename != NULL)
        name = rename;

    switch (entry->type) {
    case TAR_FILE:
        return make_file(root, parent, name, entry, content, hooks, why);
    case TAR_DIRECTORY:
        return make_directory(root, parent, name, entry, why);
    case TAR_SYMLINK:
        if (entry->xattr_count > 0)
            return fail(why, "/%s: extended attributes of a link are not supported", entry->path);
        if (symlinkat(entry->link, parent, name) < 0 &&
            (!make_way(root, parent, name, entry) || symlinkat(entry->link, parent, name) < 0))
            return taken(entry, why);
        return set_owner_and_times(parent, name, entry, why);
    case TAR_FIFO:
        if (entry->xattr_count > 0)
            return fail(why, "/%s: extended attributes of a FIFO are not supported", entry->path);
        if (mknodat(parent, name, S_IFIFO | entry->mode, 0) < 0 &&
            (!make_way(root, parent, name, entry) || mknodat(parent, name, S_IFIFO | entry->mode, 0) < 0))
            return taken(entry, why);
        return set_owner_and_times(parent, name, entry, why);
    case TAR_CHAR:
    case TAR_BLOCK:
        return fail(why, "/%s: a device node is refused", entry->path);
    case TAR_HARDLINK:
        break;
    }
    return fail(why, "/%s: an unknown kind of entry", entry->path);
}

int root_finish_directory(struct root *root, const struct tar_entry *entry, struct fail *why)
{
    int fd = root_open_directory(root, entry->path, why);
    if (fd < 0)
        return -1;
    struct timespec times[2];
    set_times(times, entry->mtime, entry->nanoseconds);
    int result = 0;
    if (fchown(fd, entry->uid, entry->gid) < 0)
        result = fail_errno(why, "/%s: the owner %u:%u cannot be set", entry->path, entry->uid, entry->gid);
    else if (fchmod(fd, entry->mode) < 0)
        result = fail_errno(why, "/%s: the mode cannot be set", entry->path);
    if (result == 0)
        result = set_xattrs(fd, entry, why);
    if (result == 0 && futimens(fd, times) < 0)
        result = fail_errno(why, "/%s: the time cannot be set", entry->path);
    close(fd);
    return result;
}

static int open_inside(int root, const char *path, int flags)
{
    struct open_how how = {
        .flags = (uint64_t)flags | O_CLOEXEC,
        .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
    };
    for (;;) {
        long fd = syscall(SYS_openat2, root, path, &how, sizeof how);
        /* The kernel cannot tell whether ".." stayed inside when something was renamed meanwhile: openat2(2). */
        if (fd >= 0 || errno != EAGAIN)
            return (int)fd;
    }
}

static int make_file(struct root *root, int parent, const char *name, const struct tar_entry *entry,
                     struct tar *content, const struct root_hooks *hooks, struct fail *why)
{
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int fd = openat(parent, name, flags, entry->mode & 0777);
    if (fd < 0 && make_way(root, parent, name, entry))
        fd = openat(parent, name, flags, entry->mode & 0777);
    if (fd < 0)
        return taken(entry, why);
    const uint8_t *piece;
    ssize_t size;
    while ((size = tar_content(content, &piece, why)) > 0) {
        if (hooks != NULL && hooks->content != NULL)
            hooks->content(hooks->context, piece, (size_t)size);
        if (write_all(fd, piece, (size_t)size) < 0) {
            fail_errno(why, "/%s: the file cannot be written", entry->path);
            close(fd);
            return -1;
        }
    }
    struct timespec times[2];
    set_times(times, entry->mtime, entry->nanoseconds);
    int result = size < 0 ? -1 : 0;
    /* Giving a file away clears its setuid and setgid bits and its capabilities, so the owner comes first. */
    if (result == 0 && (entry->uid != 0 || entry->gid != 0) && fchown(fd, entry->uid, entry->gid) < 0)
        result = fail_errno(why, "/%s: the owner %u:%u cannot be set", entry->path, entry->uid, entry->gid);
    if (result == 0 && (entry->mode & 07000) != 0 && fchmod(fd, entry->mode) < 0)
        result = fail_errno(why, "/%s: the mode cannot be set", entry->path);
    if (result == 0)
        result = set_xattrs(fd, entry, why);
    if (result == 0 && futimens(fd, times) < 0)
        result = fail_errno(why, "/%s: the time cannot be set", entry->path);
    close(fd);
    return result;
}

static int make_directory(struct root *root, int parent, const char *name, const struct tar_entry *entry,
                          struct fail *why)
{
    if (mkdirat(parent, name, 0755) < 0) {
        struct stat status;
        if (errno != EEXIST || fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            return fail_errno(why, "/%s: the directory cannot be made", entry->path);
        errno = EEXIST;
        if (!S_ISDIR(status.st_mode) && !make_way(root, parent, name, entry))
            return fail(why, "/%s: is a directory here and something else already there", entry->path);
        if (!S_ISDIR(status.st_mode) && mkdirat(parent, name, 0755) < 0)
            return fail_errno(why, "/%s: the directory cannot be made", entry->path);
    }
    if (entry->xattr_count == 0)
        return 0;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(why, "/%s: the directory cannot be opened", entry->path);
    int result = set_xattrs(fd, entry, why);
    close(fd);
    return result;
}

static int make_hardlink(struct root *root, const char *rename, const struct tar_entry *entry, struct fail *why)
{
    const char *name, *target;
    int parent = root_parent(root, entry->path, &name, why);
    if (parent < 0)
        return -1;
    /* The target's directory may take the place of this one in the cache. */
    int kept = fcntl(parent, F_DUPFD_CLOEXEC, 3);
    if (kept < 0)
        return fail_errno(why, "/%s: the hard link cannot be made", entry->path);
    struct fail inner;
    int from = root_parent(root, entry->link, &target, &inner);
    int result = from < 0 ? fail(why, "/%s: its hard link target %s", entry->path, inner.text) : 0;
    struct stat status;
    if (result == 0 && fstatat(from, target, &status, AT_SYMLINK_NOFOLLOW) < 0)
        result = fail_errno(why, "/%s: its hard link target /%s cannot be read", entry->path, entry->link);
    else if (result == 0 && !S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode) && !S_ISFIFO(status.st_mode))
        result = fail(why, "/%s: its hard link target /%s is not a file", entry->path, entry->link);
    name = rename == NULL ? name : rename;
    if (result == 0 && linkat(from, target, kept, name, 0) < 0) {
        int error = errno;
        struct stat there;
        bool same = error == EEXIST && root->replaces && fstatat(kept, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
                    there.st_dev == status.st_dev && there.st_ino == status.st_ino;
        errno = error;
        if (!same && (!make_way(root, kept, name, entry) || linkat(from, target, kept, name, 0) < 0))
            result = taken(entry, why);
    }
    close(kept);
    return result;
}

static int set_xattrs(int fd, const struct tar_entry *entry, struct fail *why)
{
    for (size_t i = 0; i < entry->xattr_count; i++) {
        const struct tar_xattr *xattr = &entry->xattrs[i];
        bool known = strcmp(xattr->name, "security.capability") == 0 ||
                     strcmp(xattr->name, "system.posix_acl_access") == 0 ||
                     strcmp(xattr->name, "system.posix_acl_default") == 0 ||
                     (strncmp(xattr->name, "user.", 5) == 0 && strncmp(xattr->name, "user.overlay.", 13) != 0);
        if (!known)
            return fail(why, "/%s: the extended attribute %.80s is not supported", entry->path, xattr->name);
        if (fsetxattr(fd, xattr->name, xattr->value, xattr->size, 0) < 0)
            return fail_errno(why, "/%s: the extended attribute %.80s cannot be set", entry->path, xattr->name);
    }
    return 0;
}

static int set_owner_and_times(int parent, const char *name, const struct tar_entry *entry, struct fail *why)
{
    struct timespec times[2];
    set_times(times, entry->mtime, entry->nanoseconds);
    if ((entry->uid != 0 || entry->gid != 0) && fchownat(parent, name, entry->uid, entry->gid, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_errno(why, "/%s: the owner %u:%u cannot be set", entry->path, entry->uid, entry->gid);
    if (utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return fail_errno(why, "/%s: the time cannot be set", entry->path);
    return 0;
}

/* False, with errno as it was, unless what is there could be in the way and may be removed. */
static bool make_way(struct root *root, int parent, const char *name, const struct tar_entry *entry)
{
    if (errno != EEXIST || !root->replaces)
        return false;
    remove_tree(parent, name, entry->path);
    root_forget(root);
    return true;
}

static int taken(const struct tar_entry *entry, struct fail *why)
{
    if (errno == EEXIST)
        return fail(why, "/%s: is there already, from this or another package", entry->path);
    return fail_errno(why, "/%s: cannot be made", entry->path);
}

static void set_times(struct timespec times[2], int64_t mtime, uint32_t nanoseconds)
{
    times[0] = (struct timespec){0, UTIME_OMIT};
    times[1] = (struct timespec){(time_t)mtime, (long)nanoseconds};
}
