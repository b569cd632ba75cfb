#include "xattrs.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

static int read_value(int fd, const char *name, struct header_xattr *xattr, struct fail *why);
static int read_overlay_mark(int fd, const char *name, struct xattrs *xattrs, struct fail *why);
static bool belongs_in_a_layer(const char *name);

static int by_name(const void *left, const void *right)
{
    const struct header_xattr *a = left, *b = right;
    return strcmp(a->name, b->name);
}

int xattrs_read(int fd, struct xattrs *xattrs, struct fail *why)
{
    *xattrs = (struct xattrs){0};
    char fixed[1024], *names = fixed;
    ssize_t size = flistxattr(fd, fixed, sizeof fixed);
    if (size == 0 || (size < 0 && errno == ENOTSUP))
        return 0;
    if (size < 0 && errno == ERANGE) {
        names = malloc(XATTR_LIST_MAX);
        if (names == NULL)
            return fail(why, "out of memory");
        size = flistxattr(fd, names, XATTR_LIST_MAX);
    }
    int result = size < 0 ? fail_errno(why, "its extended attributes cannot be listed") : 0;
    for (char *name = names; result == 0 && name < names + size; name += strlen(name) + 1) {
        if (strncmp(name, "user.overlay.", 13) == 0) {
            result = read_overlay_mark(fd, name, xattrs, why);
        } else if (belongs_in_a_layer(name)) {
            struct header_xattr *grown = reallocarray(xattrs->list, xattrs->count + 1, sizeof *grown);
            if (grown == NULL) {
                result = fail(why, "out of memory");
                break;
            }
            xattrs->list = grown;
            result = read_value(fd, name, &grown[xattrs->count], why);
            xattrs->count += result == 0;
        }
    }
    if (names != fixed)
        free(names);
    if (result < 0)
        xattrs_free(xattrs);
    else if (xattrs->count > 1)
        qsort(xattrs->list, xattrs->count, sizeof *xattrs->list, by_name);
    return result;
}

void xattrs_free(struct xattrs *xattrs)
{
    for (size_t i = 0; i < xattrs->count; i++) {
        free(xattrs->list[i].name);
        free(xattrs->list[i].value);
    }
    free(xattrs->list);
    *xattrs = (struct xattrs){0};
}

/* Labels of the host's security modules and trusted attributes say something about this machine, not the layer. */
static bool belongs_in_a_layer(const char *name)
{
    return strncmp(name, "user.", 5) == 0 || strcmp(name, "security.capability") == 0 ||
           strcmp(name, "system.posix_acl_access") == 0 || strcmp(name, "system.posix_acl_default") == 0;
}

static int read_value(int fd, const char *name, struct header_xattr *xattr, struct fail *why)
{
    ssize_t size = fgetxattr(fd, name, NULL, 0);
    *xattr = (struct header_xattr){0};
    if (size < 0)
        return fail_errno(why, "its extended attribute %s cannot be read", name);
    xattr->name = strdup(name);
    xattr->value = malloc((size_t)size + 1);
    if (xattr->name != NULL && xattr->value != NULL) {
        size = fgetxattr(fd, name, xattr->value, (size_t)size);
        if (size >= 0) {
            xattr->size = (size_t)size;
            return 0;
        }
    }
    fail_errno(why, "its extended attribute %s cannot be read", name);
    free(xattr->name);
    free(xattr->value);
    return -1;
}

/* Kernel, Documentation/filesystems/overlayfs.rst; the others (origin, impure, …) are overlayfs' own bookkeeping. */
static int read_overlay_mark(int fd, const char *name, struct xattrs *xattrs, struct fail *why)
{
    char value[2];
    const char *mark = name + 13;
    if (strcmp(mark, "opaque") == 0) {
        if (fgetxattr(fd, name, value, sizeof value) != 1 || value[0] != 'y')
            return fail(why, "its overlay mark \"opaque\" has an unknown value");
        xattrs->opaque = true;
    }
    if (strcmp(mark, "devenv.implicit") == 0)
        xattrs->implicit = true;
    if (strcmp(mark, "redirect") == 0 || strcmp(mark, "metacopy") == 0 || strcmp(mark, "whiteout") == 0)
        return fail(why, "its overlay mark \"%s\" cannot be kept in a layer", mark);
    return 0;
}
