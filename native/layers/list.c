#include "layers.h"

#include "../lib/buffer.h"
#include "../lib/util.h"
#include "store.h"
#include "xattrs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct listing {
    /* The path of what is being looked at, relative to the root, without a final slash. */
    struct buffer path;
    struct fail *why;
};

static int list_children(struct listing *listing, int fd);
static int list_child(struct listing *listing, int parent, const char *name);
static int list_directory(struct listing *listing, int fd);
static int list_link(struct listing *listing, int parent, const char *name);
static int list_file(struct listing *listing, int parent, const char *name);
static bool begins_as_elf(int fd);
static void print_entry(const struct listing *listing, char kind);
static int at_path(const struct listing *listing, const char *what);

int list(int store, size_t count, char *const *options)
{
    struct fail why;
    if (count != 2 || strcmp(options[0], "--root") != 0)
        die("list: --root is needed, and nothing else");
    end_with_caller();
    int fd = open_in_store(store, options[1], O_RDONLY | O_DIRECTORY, &why);
    if (fd < 0)
        die("%s", why.text);
    struct listing listing = {.why = &why};
    buffer_text(&listing.path, "");
    if (list_directory(&listing, fd) < 0)
        die("%s", why.text);
    buffer_free(&listing.path);
    if (fflush(stdout) != 0)
        die_errno("the list cannot be printed");
    return 0;
}

/* Takes the descriptor. */
static int list_directory(struct listing *listing, int fd)
{
    struct xattrs xattrs;
    if (xattrs_read(fd, &xattrs, listing->why) < 0) {
        close(fd);
        return fail_within(listing->why, listing->path.data);
    }
    print_entry(listing, xattrs.implicit ? (xattrs.opaque ? 'p' : 'i') : xattrs.opaque ? 'o' : 'd');
    xattrs_free(&xattrs);
    return list_children(listing, fd);
}

/* Takes the descriptor. */
static int list_children(struct listing *listing, int fd)
{
    DIR *directory = fdopendir(fd);
    if (directory == NULL) {
        close(fd);
        return at_path(listing, "the directory cannot be read");
    }
    int result = 0;
    while (result == 0) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            if (errno != 0)
                result = at_path(listing, "the directory cannot be read");
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        size_t length = listing->path.size;
        buffer_format(&listing->path, length == 0 ? "%s" : "/%s", entry->d_name);
        result = list_child(listing, dirfd(directory), entry->d_name);
        listing->path.size = length;
        listing->path.data[length] = '\0';
    }
    closedir(directory);
    return result;
}

static int list_child(struct listing *listing, int parent, const char *name)
{
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return at_path(listing, "cannot be read");
    switch (status.st_mode & S_IFMT) {
    case S_IFDIR: {
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? at_path(listing, "the directory cannot be opened") : list_directory(listing, fd);
    }
    case S_IFLNK:
        return list_link(listing, parent, name);
    case S_IFREG:
        return list_file(listing, parent, name);
    case S_IFCHR:
        print_entry(listing, status.st_rdev == makedev(0, 0) ? 'w' : 'f');
        return 0;
    default:
        print_entry(listing, 'f');
        return 0;
    }
}

static int list_link(struct listing *listing, int parent, const char *name)
{
    char target[PATH_MAX];
    ssize_t length = readlinkat(parent, name, target, sizeof target);
    if (length < 0 || length == sizeof target)
        return at_path(listing, "the link cannot be read");
    print_entry(listing, 'l');
    fwrite(target, 1, (size_t)length, stdout);
    fputc('\0', stdout);
    return 0;
}

static int list_file(struct listing *listing, int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return at_path(listing, "cannot be opened");
    print_entry(listing, begins_as_elf(fd) ? 'e' : 'f');
    close(fd);
    return 0;
}

/* A file that cannot be read is no library that could be loaded. */
static bool begins_as_elf(int fd)
{
    char magic[4];
    return pread(fd, magic, sizeof magic, 0) == sizeof magic && memcmp(magic, "\177ELF", sizeof magic) == 0;
}

/* That printing failed is seen at the end, once for all. */
static void print_entry(const struct listing *listing, char kind)
{
    fputc(kind, stdout);
    fwrite(listing->path.data, 1, listing->path.size + 1, stdout);
}

static int at_path(const struct listing *listing, const char *what)
{
    if (errno == 0)
        return fail(listing->why, "/%s: %s", listing->path.data, what);
    return fail_errno(listing->why, "/%s: %s", listing->path.data, what);
}
