#include "mounts.h"

#include "../lib/syscalls.h"
#include "../lib/util.h"
#include "root_paths.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#ifndef MS_SLAVE
#define MS_REC 0x4000
#define MS_SLAVE 0x80000
#define MS_PRIVATE 0x40000
#endif

static void bind(int root, const struct operation *operation);
static void bind_own(int root, const struct operation *operation);
static void mount_proc(int root);
static void mount_sys(int root, const struct group_views *views, bool own_network);
static void mount_tmpfs(int root, const struct operation *operation);
static void mask_throttling(int root);
static void mask(int root, const char *path);
static void make_readonly(int root, const char *path);
static void cover_with_nothing(int point, const char *path);

/* One empty directory serves all masked ones. */
static int nothing = -1;

void open_sources(struct operation *operations, size_t count, bool detach)
{
    for (size_t i = 0; i < count; i++) {
        struct operation *operation = &operations[i];
        if (operation->kind != OPERATION_BIND)
            continue;
        int fd = open(operation->source, O_PATH | O_CLOEXEC);
        struct stat status;
        if (fd < 0 || fstat(fd, &status) < 0)
            die_errno("%s cannot be opened", operation->source);
        operation->directory = S_ISDIR(status.st_mode);
        operation->detached = detach;
        operation->fd = detach ? copy_mounts(fd, 0, operation->source) : fd;
        if (detach)
            close(fd);
    }
}

void apply_operations(int root, struct operation *operations, size_t count, const struct group_views *views,
                      bool own_network)
{
    for (size_t i = 0; i < count; i++) {
        struct operation *operation = &operations[i];
        switch (operation->kind) {
        case OPERATION_BIND:
            bind(root, operation);
            break;
        case OPERATION_OWN:
            bind_own(root, operation);
            break;
        case OPERATION_PROC:
            mount_proc(root);
            break;
        case OPERATION_DEV:
            mount_devices(root);
            break;
        case OPERATION_SYS:
            mount_sys(root, views, own_network);
            break;
        case OPERATION_TMPFS:
            mount_tmpfs(root, operation);
            break;
        case OPERATION_MKDIR:
            close(make_directory(root, operation->target, operation->mode, operation->uid, operation->gid));
            break;
        case OPERATION_FILE:
            write_file(root, operation->target, operation->mode, operation->uid, operation->gid, operation->content);
            break;
        case OPERATION_SYMLINK:
            make_link(root, operation->target, operation->content);
            break;
        case OPERATION_MASK:
            mask(root, operation->target);
            break;
        case OPERATION_READONLY:
            make_readonly(root, operation->target);
            break;
        }
    }
    if (nothing >= 0)
        close(nothing);
}

void change_root(int root)
{
    if (fchdir(root) < 0)
        die_errno("the new root cannot be entered");
    if (sys_pivot_root(".", ".") < 0)
        die_errno("pivot_root");
    /* The old root lies on top of the new one now. */
    if (sys_umount(".", UNMOUNT_DETACH) < 0)
        die_errno("the host's root cannot be unmounted");
    if (chdir("/") < 0)
        die_errno("/");
    if (sys_mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        die_errno("mounts cannot be made private");
    close(root);
}

int new_mount(const char *type, const char *const *options, unsigned attributes)
{
    int context = sys_fsopen(type);
    if (context < 0)
        die_errno("the file system %s is not available", type);
    for (; *options != NULL; options++) {
        char key[32];
        const char *equals = strchr(*options, '=');
        size_t length = equals == NULL ? strlen(*options) : (size_t)(equals - *options);
        memcpy(key, *options, length);
        key[length] = '\0';
        unsigned command = equals == NULL ? FSCONFIG_SET_FLAG : FSCONFIG_SET_STRING;
        if (sys_fsconfig(context, command, key, equals == NULL ? NULL : equals + 1) < 0)
            die_errno("%s: option %s", type, *options);
    }
    if (sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
        die_errno("a %s file system cannot be made", type);
    int mount = sys_fsmount(context, attributes);
    if (mount < 0)
        die_errno("a %s file system cannot be mounted", type);
    close(context);
    return mount;
}

int copy_mounts(int fd, unsigned long long attributes, const char *what)
{
    int mount = sys_open_tree(fd, "", OPEN_TREE_CLONE | AT_EMPTY_PATH | AT_RECURSIVE);
    if (mount < 0)
        die_errno("the mounts of %s cannot be copied", what);
    struct mount_attr wanted = {.attr_set = attributes, .propagation = MS_PRIVATE};
    if (sys_mount_setattr(mount, AT_RECURSIVE, &wanted) < 0)
        die_errno("the mount attributes of %s cannot be set", what);
    return mount;
}

void attach(int mount, int point, const char *target)
{
    if (sys_move_mount(mount, point) < 0)
        die_errno("%s cannot be mounted", target);
    close(mount);
}

static void bind(int root, const struct operation *operation)
{
    int point = make_mount_point(root, operation->target, operation->directory);
    unsigned long long attributes =
        MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | (operation->readonly ? MOUNT_ATTR_RDONLY : 0);
    int mount = operation->fd;
    if (operation->detached) {
        struct mount_attr wanted = {.attr_set = attributes};
        if (sys_mount_setattr(mount, AT_RECURSIVE, &wanted) < 0)
            die_errno("the mount attributes of %s cannot be set", operation->source);
    } else {
        mount = copy_mounts(operation->fd, attributes, operation->source);
        close(operation->fd);
    }
    attach(mount, point, operation->target);
    close(point);
}

/* Whoever wrote to the disk before was inside, and may have put anything there. */
static void bind_own(int root, const struct operation *operation)
{
    const uint64_t below = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
    char *above = xprintf("%s", operation->source);
    char *slash = strrchr(above, '/');
    if (slash == NULL)
        die("--own-bind %s: not below a directory of the store", operation->source);
    *slash = '\0';
    int parent = sys_openat2(AT_FDCWD, above, O_RDONLY | O_DIRECTORY, below);
    if (parent < 0)
        die_errno("%s cannot be opened in the store", above);
    bool is_new = mkdirat(parent, slash + 1, 0755) == 0;
    if (!is_new && errno != EEXIST)
        die_errno("%s cannot be made in the store", operation->source);
    int fd = sys_openat2(parent, slash + 1, O_RDONLY | O_DIRECTORY, below);
    if (fd < 0 || (is_new && fchown(fd, operation->uid, operation->gid) < 0))
        die_errno("%s cannot be opened in the store", operation->source);
    int point = make_mount_point(root, operation->target, true);
    attach(copy_mounts(fd, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, operation->source), point, operation->target);
    close(point);
    close(fd);
    close(parent);
    free(above);
}

static void mount_proc(int root)
{
    int point = make_mount_point(root, "/proc", true);
    int mount = new_mount("proc", (const char *const[]){NULL},
                          MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC);
    attach(mount, point, "/proc");
    close(point);
}

/* sysfs shows the network of the namespace that mounts it, so that a fresh one belongs to an own network only. */
static void mount_sys(int root, const struct group_views *views, bool own_network)
{
    int point = make_mount_point(root, "/sys", true);
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
    int mount;
    if (own_network) {
        mount = new_mount("sysfs", (const char *const[]){NULL}, attributes);
    } else {
        int host = open("/sys", O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (host < 0)
            die_errno("/sys");
        mount = copy_mounts(host, attributes, "/sys");
        close(host);
    }
    attach(mount, point, "/sys");
    close(point);
    if (views->count > 0)
        show_groups(root, views);
    else
        mask(root, "/sys/fs/cgroup");
    mask_throttling(root);
}

/* How hot the host's processors are tells what others do on them; each has a directory of its own. */
static void mask_throttling(int root)
{
    static const char processors[] = "/sys/devices/system/cpu";
    int fd = sys_openat2(root, processors, O_RDONLY | O_DIRECTORY, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    if (fd < 0 && errno == ENOENT)
        return;
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (directory == NULL)
        die_errno("%s cannot be read", processors);
    const struct dirent *entry;
    while ((errno = 0, entry = readdir(directory)) != NULL) {
        if (strncmp(entry->d_name, "cpu", 3) != 0 || !isdigit((unsigned char)entry->d_name[3]))
            continue;
        char *path = xprintf("%s/%s/thermal_throttle", processors, entry->d_name);
        mask(root, path);
        free(path);
    }
    if (errno != 0)
        die_errno("%s cannot be read", processors);
    closedir(directory);
}

static void mount_tmpfs(int root, const struct operation *operation)
{
    int point = make_mount_point(root, operation->target, true);
    char *mode = xprintf("mode=%o", (unsigned)operation->mode);
    char *uid = xprintf("uid=%u", (unsigned)operation->uid);
    char *gid = xprintf("gid=%u", (unsigned)operation->gid);
    int mount = new_mount("tmpfs", (const char *const[]){mode, uid, gid, NULL}, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    attach(mount, point, operation->target);
    close(point);
}

static void mask(int root, const char *path)
{
    int point = open_in_root(root, path);
    if (point < 0 && errno == ENOENT)
        return;
    struct stat status;
    if (point < 0 || fstat(point, &status) < 0)
        die_errno("%s cannot be masked", path);
    if (S_ISDIR(status.st_mode)) {
        cover_with_nothing(point, path);
    } else {
        int null = open_device("/dev/null", 1, 3);
        if (null < 0)
            die("the host has no /dev/null");
        attach(copy_mounts(null, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY, "/dev/null"), point, path);
        close(null);
    }
    close(point);
}

static void cover_with_nothing(int point, const char *path)
{
    unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
    if (nothing < 0) {
        int mount = new_mount("tmpfs", (const char *const[]){"mode=0555", "nr_blocks=1", "nr_inodes=2", NULL}, attributes);
        nothing = fcntl(mount, F_DUPFD_CLOEXEC, 3);
        if (nothing < 0)
            die_errno("dup");
        attach(mount, point, path);
    } else {
        attach(copy_mounts(nothing, attributes, path), point, path);
    }
}

static void make_readonly(int root, const char *path)
{
    int point = open_in_root(root, path);
    if (point < 0 && errno == ENOENT)
        return;
    if (point < 0)
        die_errno("%s cannot be made read-only", path);
    attach(copy_mounts(point, MOUNT_ATTR_RDONLY, path), point, path);
    close(point);
}
