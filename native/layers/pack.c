#include "layers.h"

#include "../lib/buffer.h"
#include "../lib/util.h"
#include "header.h"
#include "links.h"
#include "store.h"
#include "sink.h"
#include "xattrs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct packing {
    struct sink *sink;
    struct links links;
    int64_t epoch;
    /* Nothing in the directory is changed: it is only looked at. */
    bool keeps;
    /* The path of what is being written, relative to the root, without a final slash. */
    struct buffer path;
    struct fail *why;
};

static int pack_directory(struct packing *packing, int fd, const struct stat *status);
static int pack_children(struct packing *packing, int fd);
static int pack_child(struct packing *packing, int parent, const char *name);
static int pack_file(struct packing *packing, int parent, const char *name, struct stat *status);
static int pack_symlink(struct packing *packing, int parent, const char *name, const struct stat *status);
static int pack_other(struct packing *packing, int parent, const char *name, const struct stat *status);
static int write_content(struct packing *packing, int fd, uint64_t size);
static void write_mark(struct packing *packing, const char *name);
static struct header header_of(const struct packing *packing, char type, const struct stat *status);
static int64_t clamped(const struct packing *packing, const struct stat *status);
static bool needs_clamping(const struct packing *packing, const struct stat *status);
static void clamped_times(const struct packing *packing, const struct stat *status, struct timespec times[2]);
static int at_path(const struct packing *packing, const char *what);

int pack(int store, size_t count, char *const *options)
{
    struct fail why;
    const char *root = NULL;
    int64_t epoch = -1, output = -1;
    bool keeps = false;
    for (size_t i = 0; i < count; i += 2) {
        const char *option = options[i], *value = i + 1 < count ? options[i + 1] : NULL;
        if (value != NULL && strcmp(option, "--root") == 0) {
            root = value;
        } else if (value != NULL && strcmp(option, "--epoch") == 0) {
            epoch = (int64_t)number(option, value, UINT32_MAX);
        } else if (value != NULL && strcmp(option, "--output") == 0) {
            output = (int64_t)number(option, value, INT_MAX);
        } else if (value != NULL && strcmp(option, "--keep") == 0 && strcmp(value, "yes") == 0) {
            keeps = true;
        } else {
            die("pack: unexpected %s", option);
        }
    }
    if (root == NULL || epoch < 0)
        die("pack: --root and --epoch are needed");
    end_with_caller();

    struct packing packing = {.epoch = epoch, .keeps = keeps, .why = &why};
    struct stat status;
    char digest[65];
    uint64_t size;
    int fd = open_in_store(store, root, O_RDONLY | O_DIRECTORY, &why);
    if (fd < 0 || (packing.sink = sink_open((int)output, &why)) == NULL)
        die("%s", why.text);
    if (fstat(fd, &status) < 0)
        die_errno("%s cannot be read", root);
    buffer_text(&packing.path, "");
    if (pack_directory(&packing, fd, &status) < 0)
        die("%s", why.text);
    sink_zeros(packing.sink, 1024);
    if (sink_finish(packing.sink, digest, &size, &why) < 0)
        die("%s", why.text);
    links_free(&packing.links);
    buffer_free(&packing.path);
    printf("sha256:%s %llu\n", digest, (unsigned long long)size);
    if (fflush(stdout) != 0)
        die_errno("the digest cannot be printed");
    return 0;
}

/* Takes the descriptor. */
static int pack_directory(struct packing *packing, int fd, const struct stat *status)
{
    struct xattrs xattrs;
    size_t length = packing->path.size;
    if (xattrs_read(fd, &xattrs, packing->why) < 0) {
        close(fd);
        return fail_within(packing->why, packing->path.data);
    }
    struct header header = header_of(packing, '5', status);
    buffer_text(&packing->path, length == 0 ? "./" : "/");
    header.path = packing->path.data;
    header.xattrs = xattrs.list;
    header.xattr_count = xattrs.count;
    header_write(packing->sink, &header);
    if (length == 0)
        buffer_clear(&packing->path);
    if (xattrs.opaque)
        write_mark(packing, ".wh..wh..opq");
    xattrs_free(&xattrs);

    int result = pack_children(packing, fd);
    struct timespec times[2];
    clamped_times(packing, status, times);
    if (result == 0 && needs_clamping(packing, status) && futimens(fd, times) < 0)
        result = at_path(packing, "its time cannot be set");
    close(fd);
    packing->path.size = length;
    packing->path.data[length] = '\0';
    return result;
}

static int by_bytes(const void *left, const void *right)
{
    return strcmp(*(char *const *)left, *(char *const *)right);
}

static int pack_children(struct packing *packing, int fd)
{
    char **names = NULL;
    size_t count = 0, capacity = 0;
    int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = copy < 0 ? NULL : fdopendir(copy);
    if (directory == NULL)
        return at_path(packing, "the directory cannot be read");
    int result = 0;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(directory);
        if (entry == NULL) {
            if (errno != 0)
                result = at_path(packing, "the directory cannot be read");
            break;
        }
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        if (count == capacity) {
            capacity = capacity == 0 ? 64 : 2 * capacity;
            char **grown = reallocarray(names, capacity, sizeof *names);
            if (grown == NULL) {
                result = at_path(packing, "out of memory");
                break;
            }
            names = grown;
        }
        if ((names[count] = strdup(entry->d_name)) == NULL) {
            result = at_path(packing, "out of memory");
            break;
        }
        count++;
    }
    closedir(directory);
    if (count > 1)
        qsort(names, count, sizeof *names, by_bytes);
    size_t length = packing->path.size;
    for (size_t i = 0; i < count; i++) {
        if (result == 0) {
            buffer_text(&packing->path, names[i]);
            result = pack_child(packing, fd, names[i]);
            packing->path.size = length;
            packing->path.data[length] = '\0';
        }
        free(names[i]);
    }
    free(names);
    return result;
}

static int pack_child(struct packing *packing, int parent, const char *name)
{
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return at_path(packing, "cannot be read");
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0)) {
        size_t length = strlen(name);
        packing->path.size -= length;
        struct buffer mark = {0};
        buffer_format(&mark, ".wh.%s", name);
        write_mark(packing, mark.data);
        buffer_free(&mark);
        return 0;
    }
    /* Nothing listens on a socket left behind by a step, and no archive can hold one. */
    if (S_ISSOCK(status.st_mode) && !packing->keeps)
        return unlinkat(parent, name, 0) < 0 ? at_path(packing, "the socket cannot be removed") : 0;
    if (strncmp(name, ".wh.", 4) == 0) {
        errno = 0;
        return at_path(packing, "a name that begins with \".wh.\" means a removed file in a layer");
    }
    switch (status.st_mode & S_IFMT) {
    case S_IFDIR: {
        int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        return fd < 0 ? at_path(packing, "the directory cannot be opened") : pack_directory(packing, fd, &status);
    }
    case S_IFREG:
        return pack_file(packing, parent, name, &status);
    case S_IFLNK:
        return pack_symlink(packing, parent, name, &status);
    case S_IFIFO:
        return pack_other(packing, parent, name, &status);
    case S_IFSOCK:
        errno = 0;
        return at_path(packing, "a socket cannot be in a layer");
    default:
        errno = 0;
        return at_path(packing, "a device node cannot be in a layer");
    }
}

static int pack_file(struct packing *packing, int parent, const char *name, struct stat *status)
{
    struct header header = header_of(packing, '0', status);
    header.path = packing->path.data;
    if (status->st_nlink > 1) {
        const char *first = links_first(&packing->links, status->st_ino, packing->path.data);
        if (first != NULL) {
            header.type = '1';
            header.link = first;
            header_write(packing->sink, &header);
            return 0;
        }
    }
    int fd = openat(parent, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return at_path(packing, "cannot be opened");
    struct xattrs xattrs = {0};
    struct timespec times[2];
    int result = fstat(fd, status) < 0 || !S_ISREG(status->st_mode) ? at_path(packing, "changed meanwhile")
                                                                    : xattrs_read(fd, &xattrs, packing->why);
    if (result == 0) {
        header.size = (uint64_t)status->st_size;
        header.xattrs = xattrs.list;
        header.xattr_count = xattrs.count;
        header_write(packing->sink, &header);
        result = write_content(packing, fd, header.size);
    }
    clamped_times(packing, status, times);
    if (result == 0 && needs_clamping(packing, status) && futimens(fd, times) < 0)
        result = at_path(packing, "its time cannot be set");
    xattrs_free(&xattrs);
    close(fd);
    return result;
}

static int pack_symlink(struct packing *packing, int parent, const char *name, const struct stat *status)
{
    char target[PATH_MAX];
    struct timespec times[2];
    ssize_t length = readlinkat(parent, name, target, sizeof target);
    if (length < 0 || length == sizeof target)
        return at_path(packing, "the link cannot be read");
    target[length] = '\0';
    struct header header = header_of(packing, '2', status);
    header.path = packing->path.data;
    header.link = target;
    header_write(packing->sink, &header);
    clamped_times(packing, status, times);
    if (needs_clamping(packing, status) && utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return at_path(packing, "its time cannot be set");
    return 0;
}

static int pack_other(struct packing *packing, int parent, const char *name, const struct stat *status)
{
    struct timespec times[2];
    struct header header = header_of(packing, '6', status);
    header.path = packing->path.data;
    header_write(packing->sink, &header);
    clamped_times(packing, status, times);
    if (needs_clamping(packing, status) && utimensat(parent, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return at_path(packing, "its time cannot be set");
    return 0;
}

static int write_content(struct packing *packing, int fd, uint64_t size)
{
    uint64_t left = size;
    while (left > 0) {
        size_t room;
        uint8_t *into = sink_room(packing->sink, &room);
        ssize_t got = read(fd, into, room < left ? room : (size_t)left);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return at_path(packing, "cannot be read");
        if (got == 0) {
            errno = 0;
            return at_path(packing, "became shorter while it was read");
        }
        sink_commit(packing->sink, (size_t)got);
        left -= (uint64_t)got;
    }
    sink_zeros(packing->sink, (size_t)((512 - size % 512) % 512));
    return 0;
}

/* An empty file by whose name the OCI image specification (layer.md) says that something below is hidden. */
static void write_mark(struct packing *packing, const char *name)
{
    size_t length = packing->path.size;
    buffer_text(&packing->path, name);
    header_write(packing->sink, &(struct header){.type = '0', .path = packing->path.data, .mtime = packing->epoch});
    packing->path.size = length;
    packing->path.data[length] = '\0';
}

static struct header header_of(const struct packing *packing, char type, const struct stat *status)
{
    return (struct header){
        .type = type,
        .mode = type == '2' ? 0777 : status->st_mode & 07777,
        .uid = status->st_uid,
        .gid = status->st_gid,
        .mtime = clamped(packing, status),
    };
}

static int64_t clamped(const struct packing *packing, const struct stat *status)
{
    int64_t mtime = status->st_mtim.tv_sec;
    return mtime < 0 ? 0 : mtime > packing->epoch ? packing->epoch : mtime;
}

static bool needs_clamping(const struct packing *packing, const struct stat *status)
{
    if (packing->keeps)
        return false;
    return status->st_mtim.tv_nsec != 0 || status->st_mtim.tv_sec != clamped(packing, status);
}

/* The directory itself gets the archive's times, so that a running environment shows what an unpacked layer shows. */
static void clamped_times(const struct packing *packing, const struct stat *status, struct timespec times[2])
{
    times[0] = (struct timespec){0, UTIME_OMIT};
    times[1] = (struct timespec){(time_t)clamped(packing, status), 0};
}

static int at_path(const struct packing *packing, const char *what)
{
    if (errno == 0)
        return fail(packing->why, "/%s: %s", packing->path.data, what);
    return fail_errno(packing->why, "/%s: %s", packing->path.data, what);
}
