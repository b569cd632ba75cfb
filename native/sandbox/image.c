#include "../lib/buffer.h"
#include "../lib/remove.h"
#include "../lib/syscalls.h"
#include "../lib/util.h"
#include "mounts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void mount_overlay(const struct root_image *image);
static int make_long_overlay(const struct root_image *image);
static void remove_place(const char *name);
static void make_place(const char *name, mode_t mode);
static void check_name(const char *name);

/* The kernel's own limit (OVL_MAX_STACK). */
enum { layers_most = 500 };

int mount_image(const struct root_image *image)
{
    const char *place = image->directory;
    if (place != NULL) {
        check_name(place);
        int fd = open(place, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            die_errno("the root %s cannot be opened in the store", place);
        attach(copy_mounts(fd, MOUNT_ATTR_NODEV, place), fd, place);
        close(fd);
    } else {
        place = image->upper;
        if (image->renew) {
            remove_place(image->upper);
            remove_place(image->work);
        }
        make_place(image->upper, 0755);
        make_place(image->work, 0700);
        for (size_t i = 0; i < image->layer_count; i++) {
            check_name(image->layers[i]);
            if (access(image->layers[i], F_OK) < 0)
                die_errno("the layer %s is not in the store", image->layers[i]);
        }
        mount_overlay(image);
    }
    int root = open(place, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        die_errno("the new root cannot be opened");
    return root;
}

/* The plan begins with the lowest layer, overlay with the uppermost. */
static void mount_overlay(const struct root_image *image)
{
    struct buffer options = {0};
    buffer_format(&options, "userxattr,%supperdir=%s,workdir=%s,lowerdir=", image->without_sync ? "volatile," : "",
                  image->upper, image->work);
    for (size_t i = image->layer_count; i-- > 0;)
        buffer_format(&options, "%s%s", image->layers[i], i == 0 ? "" : ":");
    /* mount(2) takes one page of options and cuts off the rest without a word. */
    if (options.size >= (size_t)sysconf(_SC_PAGESIZE)) {
        int point = open(image->upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (point < 0)
            die_errno("the directory %s cannot be opened in the store", image->upper);
        attach(make_long_overlay(image), point, image->upper);
        close(point);
    } else if (sys_mount("overlay", image->upper, "overlay", 0, options.data) < 0) {
        die_errno("the layers cannot be mounted as an overlay");
    }
    buffer_free(&options);
}

/*
 * Layers one by one, since Linux 6.8 (overlayfs.rst, "Multiple lower layers"). Older kernels without overlayfs in the new
 * mount API collect the options in a page as before, and refuse what is longer.
 */
static int make_long_overlay(const struct root_image *image)
{
    if (image->layer_count > layers_most)
        die("the image has %zu layers; an overlay takes %d", image->layer_count, layers_most);
    int context = sys_fsopen("overlay");
    if (context < 0)
        die_errno("the file system overlay is not available");
    for (size_t i = image->layer_count; i-- > 0;)
        if (sys_fsconfig(context, FSCONFIG_SET_STRING, "lowerdir+", image->layers[i]) < 0)
            die("the image has %zu layers; their names are more than one mount takes before Linux 6.8",
                image->layer_count);
    if (sys_fsconfig(context, FSCONFIG_SET_FLAG, "userxattr", NULL) < 0 ||
        (image->without_sync && sys_fsconfig(context, FSCONFIG_SET_FLAG, "volatile", NULL) < 0) ||
        sys_fsconfig(context, FSCONFIG_SET_STRING, "upperdir", image->upper) < 0 ||
        sys_fsconfig(context, FSCONFIG_SET_STRING, "workdir", image->work) < 0 ||
        sys_fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL) < 0)
        die_errno("the layers cannot be mounted as an overlay");
    int mount = sys_fsmount(context, 0);
    if (mount < 0)
        die_errno("the layers cannot be mounted as an overlay");
    close(context);
    return mount;
}

/* The directory above belongs to the environment; what is below is whatever was left there. */
static void remove_place(const char *name)
{
    check_name(name);
    char *above = xprintf("%s", name);
    char *slash = strrchr(above, '/');
    if (slash == NULL)
        die("%s: not below a directory of the store", name);
    *slash = '\0';
    int parent = open(above, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (parent < 0)
        die_errno("%s cannot be opened in the store", above);
    remove_tree(parent, slash + 1, name);
    close(parent);
    free(above);
}

/* A writable layer that is new belongs to root, as `/` does everywhere. */
static void make_place(const char *name, mode_t mode)
{
    check_name(name);
    if (mkdir(name, mode) < 0 && errno != EEXIST)
        die_errno("the directory %s cannot be made in the store", name);
}

/* Overlay options have no quoting that all kernels agree on. */
static void check_name(const char *name)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/";
    if (name == NULL || name[0] == '\0' || name[0] == '/' || strspn(name, allowed) != strlen(name) ||
        strstr(name, "..") != NULL)
        die("%s: not the name of a directory in the store", name == NULL ? "--upper and --work" : name);
}
