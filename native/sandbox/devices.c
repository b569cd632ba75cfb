#include "../lib/syscalls.h"
#include "../lib/util.h"
#include "mounts.h"
#include "root_paths.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

static void mount_new_at(int root, const char *path, const char *type, const char *const *options, unsigned attributes);

static const struct {
    const char *path;
    unsigned major;
    unsigned minor;
} devices[] = {
    {"/dev/null", 1, 3},   {"/dev/zero", 1, 5},    {"/dev/full", 1, 7},
    {"/dev/random", 1, 8}, {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
};

static const struct {
    const char *path;
    const char *target;
} links[] = {
    {"/dev/ptmx", "pts/ptmx"},          {"/dev/fd", "/proc/self/fd"},       {"/dev/stdin", "/proc/self/fd/0"},
    {"/dev/stdout", "/proc/self/fd/1"}, {"/dev/stderr", "/proc/self/fd/2"},
};

void mount_devices(int root)
{
    unsigned plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;
    mount_new_at(root, "/dev", "tmpfs", (const char *const[]){"mode=0755", "size=64k", NULL},
                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    for (size_t i = 0; i < sizeof devices / sizeof devices[0]; i++) {
        int device = open_device(devices[i].path, devices[i].major, devices[i].minor);
        if (device < 0)
            die("the host has no %s", devices[i].path);
        int point = make_mount_point(root, devices[i].path, false);
        /* Read-only is about the node: the developer may be its owner on the host. The device takes writes. */
        unsigned attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC | MOUNT_ATTR_RDONLY;
        attach(copy_mounts(device, attributes, devices[i].path), point, devices[i].path);
        close(point);
        close(device);
    }
    mount_new_at(root, "/dev/pts", "devpts", (const char *const[]){"newinstance", "ptmxmode=0666", "mode=0620", "gid=5", NULL},
                 MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC);
    mount_new_at(root, "/dev/shm", "tmpfs", (const char *const[]){"mode=1777", NULL}, plain);
    mount_new_at(root, "/dev/mqueue", "mqueue", (const char *const[]){NULL}, plain);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++)
        make_link(root, links[i].path, links[i].target);
}

int open_device(const char *path, unsigned major, unsigned minor)
{
    int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT)
        return -1;
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        die_errno("the device %s of the host cannot be opened", path);
    if (!S_ISCHR(status.st_mode) || major(status.st_rdev) != major || minor(status.st_rdev) != minor)
        die("%s of the host is not the device %u:%u", path, major, minor);
    return fd;
}

static void mount_new_at(int root, const char *path, const char *type, const char *const *options, unsigned attributes)
{
    int point = make_mount_point(root, path, true);
    attach(new_mount(type, options, attributes), point, path);
    close(point);
}
