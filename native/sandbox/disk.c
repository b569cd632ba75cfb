#include "disk.h"

#include "../lib/syscalls.h"
#include "../lib/util.h"

#include <errno.h>
#include <linux/loop.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char *make_loop(const char *image, int *loop);
static void take_alone(int file, const char *image);
static uint32_t outside_of(const struct id_map *maps, size_t count, const char *what);

void open_disk(struct disk *disk, const struct id_maps *maps)
{
    int loop;
    char *device = make_loop(disk->image, &loop);
    int context = sys_fsopen("ext4");
    if (context < 0 || sys_fsconfig(context, FSCONFIG_SET_STRING, "source", device) < 0 ||
        sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
        die_errno("the disk %s cannot be mounted", disk->image);
    disk->mount = sys_fsmount(context, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV);
    int directory = disk->mount < 0 ? -1 : openat(disk->mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        die_errno("the disk %s cannot be mounted", disk->image);
    close(context);
    /* From here on the mount alone keeps the device. */
    close(loop);
    if (fchown(directory, outside_of(maps->uids, maps->uid_count, "uid"),
               outside_of(maps->gids, maps->gid_count, "gid")) < 0)
        die_errno("the owner of the disk %s cannot be set", disk->image);
    close(directory);
}

void attach_disk(struct disk *disk)
{
    int point = open(disk->place, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (point < 0)
        die_errno("the directory %s cannot be opened in the store", disk->place);
    if (sys_move_mount(disk->mount, point) < 0)
        die_errno("the disk cannot be put to %s", disk->place);
    close(disk->mount);
    close(point);
}

/* Another process may take the free device first. */
static char *make_loop(const char *image, int *loop)
{
    int file = open(image, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) < 0)
        die_errno("the disk %s cannot be opened", image);
    if (!S_ISREG(status.st_mode))
        die("the disk %s is no file", image);
    take_alone(file, image);
    int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
    if (control < 0)
        die_errno("/dev/loop-control cannot be opened (kernel module: modprobe loop)");
    for (unsigned attempt = 0; attempt < 64; attempt++) {
        int number = ioctl(control, LOOP_CTL_GET_FREE);
        if (number < 0)
            die_errno("no loop device can be had");
        char *device = xprintf("/dev/loop%d", number);
        *loop = open(device, O_RDWR | O_CLOEXEC);
        if (*loop < 0)
            die_errno("%s cannot be opened", device);
        struct loop_config config = {.fd = (uint32_t)file, .info.lo_flags = LO_FLAGS_AUTOCLEAR};
        if (ioctl(*loop, LOOP_CONFIGURE, &config) == 0) {
            close(control);
            close(file);
            return device;
        }
        if (errno != EBUSY)
            die_errno("%s cannot be set up", device);
        close(*loop);
    }
    die("no loop device stays free");
}

/*
 * Two mounts of one file system destroy it, and that of an environment that ended may stay for a moment, until the last
 * who had entered it is gone. The device holds the open file, and with it this lock.
 */
static void take_alone(int file, const char *image)
{
    const struct timespec moment = {.tv_nsec = 10 * 1000 * 1000};
    for (unsigned attempt = 0; flock(file, LOCK_EX | LOCK_NB) < 0; attempt++) {
        if (errno != EWOULDBLOCK)
            die_errno("the disk %s cannot be locked", image);
        if (attempt == 500)
            die("the disk %s is still in use; a command that had entered the environment has not ended", image);
        nanosleep(&moment, NULL);
    }
}

static void take_alone(int file, const char *image);
static uint32_t outside_of(const struct id_map *maps, size_t count, const char *what)
{
    for (size_t i = 0; i < count; i++)
        if (maps[i].inside == 0)
            return maps[i].outside;
    die("root inside has no %s outside", what);
}
