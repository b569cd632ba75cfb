#include "layers.h"

#include "../lib/root.h"
#include "../lib/tar.h"
#include "../lib/util.h"
#include "../lib/whiteout.h"
#include "store.h"
#include "xattrs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* No descriptor: the layer has no directory there. */
#define NO_DIRECTORY (-2)

/* What a directory is like in a layer. */
struct traits {
    struct stat status;
    struct xattrs xattrs;
};

struct paths {
    char **list;
    size_t count;
};

struct settling {
    const char *root;
    /* The lowest first. */
    int *layers;
    size_t layer_count;
    struct paths paths;
    struct fail *why;
};

static void read_plan(struct settling *settling, int store, size_t count, char *const *options);
static struct paths differing(const struct settling *settling, size_t *count);
static int make(const struct settling *settling, int store, const struct paths *paths);
static int finish(const struct settling *settling, struct root *root, const char *path);
static int decide(const struct settling *settling, const char *path, struct traits *decided, bool *differs);
static int descend(int layer, const char *path, bool *hides, struct fail *why);
static int is_opaque(int fd, struct fail *why);
static int read_traits(int fd, struct traits *traits, struct fail *why);
static bool alike(const struct traits *left, const struct traits *right);
static void add_path(struct paths *paths, const char *path, size_t length);
static void sort_paths(struct paths *paths);

int settle(int store, size_t count, char *const *options)
{
    struct fail why;
    struct settling settling = {.why = &why};
    size_t different = 0;
    umask(0);
    end_with_caller();
    read_plan(&settling, store, count, options);
    struct paths paths = differing(&settling, &different);
    if (different > 0 && make(&settling, store, &paths) < 0)
        die_plainly(why.text);
    printf("%zu\n", different);
    if (fflush(stdout) != 0)
        die_errno("the number of directories cannot be printed");
    return 0;
}

static void read_plan(struct settling *settling, int store, size_t count, char *const *options)
{
    for (size_t i = 0; i < count; i += 2) {
        const char *option = options[i], *value = i + 1 < count ? options[i + 1] : NULL;
        if (value != NULL && strcmp(option, "--root") == 0) {
            settling->root = value;
        } else if (value != NULL && strcmp(option, "--layer") == 0) {
            int fd = open_in_store(store, value, O_RDONLY | O_DIRECTORY, settling->why);
            if (fd < 0)
                die_plainly(settling->why->text);
            settling->layers = xgrow(settling->layers, settling->layer_count, sizeof *settling->layers);
            settling->layers[settling->layer_count++] = fd;
        } else if (value != NULL && strcmp(option, "--directory") == 0) {
            char path[PATH_MAX];
            if (tar_clean_path(value, path, settling->why) < 0)
                die_plainly(settling->why->text);
            add_path(&settling->paths, path, strlen(path));
        } else {
            die("settle: unexpected %s", option);
        }
    }
    if (settling->root == NULL || settling->layer_count == 0)
        die("settle: --root and --layer are needed");
    sort_paths(&settling->paths);
}

/* Those that are to be made: the directories that differ, of which there are `count`, and what they are in. */
static struct paths differing(const struct settling *settling, size_t *count)
{
    struct paths paths = {0};
    for (size_t i = 0; i < settling->paths.count; i++) {
        const char *path = settling->paths.list[i];
        struct traits traits;
        bool differs;
        int seen = decide(settling, path, &traits, &differs);
        if (seen < 0)
            die_plainly(settling->why->text);
        if (seen == 0)
            continue;
        xattrs_free(&traits.xattrs);
        if (!differs)
            continue;
        (*count)++;
        for (size_t end = 0; end < strlen(path); end++)
            if (path[end] == '/')
                add_path(&paths, path, end);
        add_path(&paths, path, strlen(path));
    }
    sort_paths(&paths);
    return paths;
}

static int make(const struct settling *settling, int store, const struct paths *paths)
{
    struct fail *why = settling->why;
    struct root root;
    int fd = make_in_store(store, settling->root, why);
    if (fd < 0)
        return -1;
    root_start(&root, fd);
    int result = 0;
    for (size_t i = 0; i < paths->count && result == 0; i++)
        result = root_make_directories(&root, paths->list[i], NULL, why);
    for (size_t i = 0; i < paths->count && result == 0; i++)
        result = finish(settling, &root, paths->list[i]);
    /* The root of the new layer is seen instead of the one below it. */
    if (result == 0)
        result = finish(settling, &root, "");
    root_end(&root);
    close(fd);
    return result;
}

static int finish(const struct settling *settling, struct root *root, const char *path)
{
    struct traits traits;
    bool differs;
    int seen = decide(settling, path, &traits, &differs);
    if (seen < 0)
        return -1;
    if (seen == 0)
        return fail(settling->why, "/%s: the layers changed meanwhile", path);
    const struct stat *status = &traits.status;
    const struct xattrs *xattrs = &traits.xattrs;
    struct tar_xattr *copies = xcalloc(xattrs->count + 1, sizeof *copies);
    for (size_t i = 0; i < xattrs->count; i++)
        copies[i] = (struct tar_xattr){xattrs->list[i].name, xattrs->list[i].value, xattrs->list[i].size};
    struct tar_entry entry = {
        .type = TAR_DIRECTORY,
        .path = path,
        .mode = status->st_mode & 07777,
        .uid = status->st_uid,
        .gid = status->st_gid,
        .mtime = status->st_mtim.tv_sec,
        .nanoseconds = (uint32_t)status->st_mtim.tv_nsec,
        .xattrs = copies,
        .xattr_count = xattrs->count,
    };
    int result = root_finish_directory(root, &entry, settling->why);
    free(copies);
    xattrs_free(&traits.xattrs);
    return result;
}

/*
 * What a directory is like in the image: as in the uppermost layer that has an entry of it. What a layer hides of those
 * below it does not count, and where no layer has an entry, the uppermost that has the directory decides as before. 1,
 * and whether overlayfs shows something else; 0 when the directory cannot be seen at all.
 */
static int decide(const struct settling *settling, const char *path, struct traits *decided, bool *differs)
{
    bool hides = false, found = false;
    *differs = false;
    for (size_t i = settling->layer_count; i-- > 0 && !hides;) {
        struct traits traits;
        int fd = descend(settling->layers[i], path, &hides, settling->why);
        if (fd == NO_DIRECTORY)
            continue;
        int result = fd < 0 ? -1 : read_traits(fd, &traits, settling->why);
        if (fd >= 0)
            close(fd);
        if (result < 0) {
            if (found)
                xattrs_free(&decided->xattrs);
            return fail_within(settling->why, path);
        }
        bool implicit = traits.xattrs.implicit;
        if (found && implicit) {
            xattrs_free(&traits.xattrs);
            continue;
        }
        if (found) {
            *differs = !alike(decided, &traits);
            xattrs_free(&decided->xattrs);
        }
        *decided = traits;
        found = true;
        if (!implicit)
            break;
    }
    return found;
}

/*
 * The directory in one layer, no link followed, or NO_DIRECTORY; and whether this layer hides what those below it have
 * at the path. An opaque directory hides what is in it, but not itself.
 */
static int descend(int layer, const char *path, bool *hides, struct fail *why)
{
    int fd = openat(layer, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return fail_errno(why, "the layer cannot be opened");
    while (*path != '\0') {
        char name[NAME_MAX + 1];
        size_t length = strcspn(path, "/");
        int opaque = is_opaque(fd, why);
        snprintf(name, sizeof name, "%.*s", (int)length, path);
        int below = opaque < 0 ? -1 : openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        int error = errno;
        close(fd);
        if (opaque < 0)
            return -1;
        *hides = *hides || opaque > 0;
        if (below < 0 && error == ENOENT)
            return NO_DIRECTORY;
        if (below < 0 && (error == ENOTDIR || error == ELOOP)) {
            *hides = true;
            return NO_DIRECTORY;
        }
        errno = error;
        if (below < 0)
            return fail_errno(why, "the directory cannot be opened");
        fd = below;
        path += length;
        path += *path == '/';
    }
    return fd;
}

static int is_opaque(int fd, struct fail *why)
{
    struct xattrs xattrs;
    if (xattrs_read(fd, &xattrs, why) < 0)
        return -1;
    bool opaque = xattrs.opaque;
    xattrs_free(&xattrs);
    return opaque;
}

static int read_traits(int fd, struct traits *traits, struct fail *why)
{
    if (fstat(fd, &traits->status) < 0)
        return fail_errno(why, "cannot be read");
    return xattrs_read(fd, &traits->xattrs, why);
}

/* Whole seconds are what a layer that is packed keeps. */
static bool alike(const struct traits *left, const struct traits *right)
{
    const struct stat *a = &left->status, *b = &right->status;
    if (a->st_mode != b->st_mode || a->st_uid != b->st_uid || a->st_gid != b->st_gid ||
        a->st_mtim.tv_sec != b->st_mtim.tv_sec || left->xattrs.count != right->xattrs.count)
        return false;
    for (size_t i = 0; i < left->xattrs.count; i++) {
        const struct header_xattr *one = &left->xattrs.list[i], *other = &right->xattrs.list[i];
        if (strcmp(one->name, other->name) != 0 || one->size != other->size ||
            memcmp(one->value, other->value, one->size) != 0)
            return false;
    }
    return true;
}

static void add_path(struct paths *paths, const char *path, size_t length)
{
    paths->list = xgrow(paths->list, paths->count, sizeof *paths->list);
    paths->list[paths->count++] = xprintf("%.*s", (int)length, path);
}

static int by_path(const void *left, const void *right)
{
    return compare_paths(*(char *const *)left, *(char *const *)right);
}

/* Parents first, each once. */
static void sort_paths(struct paths *paths)
{
    size_t kept = 0;
    if (paths->count > 1)
        qsort(paths->list, paths->count, sizeof *paths->list, by_path);
    for (size_t i = 0; i < paths->count; i++) {
        if (kept > 0 && strcmp(paths->list[kept - 1], paths->list[i]) == 0)
            free(paths->list[i]);
        else
            paths->list[kept++] = paths->list[i];
    }
    paths->count = kept;
}
