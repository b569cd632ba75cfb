#include "graft.h"

#include "../lib/util.h"
#include "blob.h"
#include "layers.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *read_plan(struct graft *graft, struct blob_expected *expected, size_t count, char *const *options);
static void add_map(struct graft *graft, const char *from, const char *to);
static void add_link(struct graft *graft, const char *path, const char *target);
static const char *clean(const char *option, const char *path);
static const char *clean_place(const char *option, const char *path);
static int start(struct graft *graft, bool is_new, struct fail *why);
static int read_archive(void *graft, struct tar *tar, struct fail *why);
static int make_links(struct graft *graft, struct fail *why);

int graft(int store, size_t count, char *const *options)
{
    struct blob_expected expected = {.size = BLOB_SIZE_UNKNOWN};
    struct graft graft = {0};
    struct blob_found found;
    struct fail why;
    bool is_new;
    umask(0);
    end_with_caller();
    const char *name = read_plan(&graft, &expected, count, options);
    int fd = make_or_open_in_store(store, name, &is_new, &why);
    if (fd < 0)
        die_plainly(why.text);
    root_start(&graft.layer.root, fd);
    graft.layer.root.replaces = true;
    struct archive_reader reader = {read_archive, &graft};
    if (start(&graft, is_new, &why) < 0 || blob_read(STDIN_FILENO, &expected, reader, &found, &why) < 0 ||
        graft_remove_hidden(&graft, &why) < 0 || make_links(&graft, &why) < 0 ||
        layer_finish_directories(&graft.layer, NULL, &why) < 0)
        die_plainly(why.text);
    printf("%s %llu %llu\n", found.diff_id, (unsigned long long)found.size, (unsigned long long)graft.taken);
    if (fflush(stdout) != 0)
        die_errno("the digest cannot be printed");
    root_end(&graft.layer.root);
    made_free(&graft.made);
    return 0;
}

static const char *read_plan(struct graft *graft, struct blob_expected *expected, size_t count, char *const *options)
{
    const char *root = NULL;
    for (size_t i = 0; i < count;) {
        const char *option = options[i], *value = i + 1 < count ? options[i + 1] : NULL;
        const char *second = i + 2 < count ? options[i + 2] : NULL;
        i += 2;
        if (second != NULL && strcmp(option, "--map") == 0) {
            add_map(graft, value, second);
            i++;
        } else if (second != NULL && strcmp(option, "--symlink") == 0) {
            add_link(graft, value, second);
            i++;
        } else if (value != NULL && strcmp(option, "--root") == 0) {
            root = value;
        } else if (value != NULL && strcmp(option, "--executable") == 0) {
            graft->executables = xgrow(graft->executables, graft->executable_count, sizeof *graft->executables);
            graft->executables[graft->executable_count++] = value;
        } else if (value == NULL || !blob_option(expected, option, value)) {
            die("graft: unexpected %s", option);
        }
    }
    if (root == NULL || expected->compression == NULL || graft->map_count == 0)
        die("graft: --root, --compression and --map are needed");
    return root;
}

static void add_map(struct graft *graft, const char *from, const char *to)
{
    struct path_map map = {clean("--map", from), clean_place("--map", to)};
    for (size_t i = 0; i < graft->map_count; i++)
        if (strcmp(graft->maps[i].from, map.from) == 0)
            die("--map %s: twice", from);
    graft->maps = xgrow(graft->maps, graft->map_count, sizeof *graft->maps);
    graft->maps[graft->map_count++] = map;
}

static void add_link(struct graft *graft, const char *path, const char *target)
{
    struct graft_link link = {clean_place("--symlink", path), target};
    if (link.path[0] == '\0' || target[0] == '\0' || strlen(target) >= PATH_MAX)
        die("--symlink %s %s: a path below the root and a target are expected", path, target);
    graft->links = xgrow(graft->links, graft->link_count, sizeof *graft->links);
    graft->links[graft->link_count++] = link;
}

static const char *clean(const char *option, const char *path)
{
    char *out = xcalloc(1, PATH_MAX);
    struct fail why;
    if (tar_clean_path(path, out, &why) < 0)
        die("%s %s", option, why.text);
    return out;
}

static const char *clean_place(const char *option, const char *path)
{
    if (path[0] != '/')
        die("%s %s: an absolute path is expected", option, path);
    return clean(option, path + strspn(path, "/"));
}

static int start(struct graft *graft, bool is_new, struct fail *why)
{
    struct tar_entry top = {.type = TAR_DIRECTORY, .path = "", .mode = 0755};
    graft->is_upper = !is_new;
    return is_new ? layer_remember_directory(&graft->layer, &top, false, why) : graft_remember_earlier(graft, why);
}

static int read_archive(void *graft, struct tar *tar, struct fail *why)
{
    return graft_take(graft, tar, why);
}

static int make_links(struct graft *graft, struct fail *why)
{
    struct layer *layer = &graft->layer;
    for (size_t i = 0; i < graft->link_count; i++) {
        const struct graft_link *link = &graft->links[i];
        struct tar_entry entry = {.type = TAR_SYMLINK, .path = link->path, .link = link->target};
        struct stat status;
        if (layer_make_parent(layer, link->path, why) < 0)
            return -1;
        int there = root_status(&layer->root, link->path, &status, why);
        if (there > 0 && S_ISDIR(status.st_mode))
            return fail(why, "/%s: is to be a link and is a directory", link->path);
        if (there < 0 || root_make_entry(&layer->root, &entry, NULL, NULL, NULL, why) < 0)
            return -1;
    }
    return 0;
}
