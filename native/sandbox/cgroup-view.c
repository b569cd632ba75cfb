#include "cgroup-view.h"

#include "../lib/syscalls.h"
#include "mounts.h"
#include "root_paths.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define PLACE "/sys/fs/cgroup"

static const unsigned plain = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC;

static void mount_names(int root, const struct group_views *views);
static void show(int root, const char *place, const char *directory);

bool group_view_option(struct group_views *views, const char *option, struct args *args)
{
    if (strcmp(option, "--cgroup-view") != 0)
        return false;
    views->items = xgrow(views->items, views->count, sizeof *views->items);
    struct group_view *view = &views->items[views->count++];
    view->directory = args_value(args, option);
    view->name = args_value(args, option);
    return true;
}

void show_groups(int root, const struct group_views *views)
{
    if (views->items[0].name[0] == '\0') {
        show(root, PLACE, views->items[0].directory);
        return;
    }
    mount_names(root, views);
    for (size_t i = 0; i < views->count; i++) {
        char *place = xprintf(PLACE "/%s", views->items[i].name);
        show(root, place, views->items[i].directory);
        free(place);
    }
}

static void mount_names(int root, const struct group_views *views)
{
    char *inodes = xprintf("nr_inodes=%zu", views->count + 2);
    int mount = new_mount("tmpfs", (const char *const[]){"mode=0555", "nr_blocks=1", inodes, NULL}, plain);
    for (size_t i = 0; i < views->count; i++)
        if (mkdirat(mount, views->items[i].name, 0555) < 0)
            die_errno("%s/%s cannot be made", PLACE, views->items[i].name);
    const struct mount_attr readonly = {.attr_set = MOUNT_ATTR_RDONLY};
    if (sys_mount_setattr(mount, 0, &readonly) < 0)
        die_errno("%s cannot be made read-only", PLACE);
    int point = open_in_root(root, PLACE);
    if (point < 0)
        die_errno("%s cannot be opened", PLACE);
    attach(mount, point, PLACE);
    close(point);
    free(inodes);
}

/*
 * A part of the host's mount, and no new one of the namespace: that would begin at the group of the first process, which
 * is one below the limits where systemd has them. The group may belong to the developer, so that nothing but the mount
 * keeps them from writing.
 */
static void show(int root, const char *place, const char *directory)
{
    int group = open(directory, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct statfs system;
    if (group < 0 || fstatfs(group, &system) < 0)
        die_errno("the control group %s cannot be opened", directory);
    if (system.f_type != CGROUP_SUPER_MAGIC && system.f_type != CGROUP2_SUPER_MAGIC)
        die("%s is not a control group", directory);
    int point = open_in_root(root, place);
    if (point < 0)
        die_errno("%s cannot be opened", place);
    attach(copy_mounts(group, plain | MOUNT_ATTR_RDONLY, directory), point, place);
    close(point);
    close(group);
}
