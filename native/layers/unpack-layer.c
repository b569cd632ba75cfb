#include "layers.h"

#include "../lib/tar.h"
#include "../lib/util.h"
#include "../lib/whiteout.h"
#include "blob.h"
#include "layer.h"
#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct plan {
    const char *root;
    struct blob_expected expected;
};

static void read_plan(struct plan *plan, size_t count, char *const *options);
static int read_archive(void *layer, struct tar *tar, struct fail *why);
static void print_report(const struct layer *layer, const struct blob_found *found);

int unpack_layer(int store, size_t count, char *const *options)
{
    struct plan plan = {.expected = {.size = BLOB_SIZE_UNKNOWN}};
    struct layer layer = {0};
    struct fail why;
    struct blob_found found;
    umask(0);
    end_with_caller();
    read_plan(&plan, count, options);
    int fd = make_in_store(store, plan.root, &why);
    if (fd < 0)
        die_plainly(why.text);
    root_start(&layer.root, fd);
    layer.root.replaces = true;
    struct archive_reader reader = {read_archive, &layer};
    if (blob_read(STDIN_FILENO, &plan.expected, reader, &found, &why) < 0 || layer_finish(&layer, &why) < 0)
        die_plainly(why.text);
    print_report(&layer, &found);
    root_end(&layer.root);
    return 0;
}

static void read_plan(struct plan *plan, size_t count, char *const *options)
{
    const struct blob_expected *expected = &plan->expected;
    for (size_t i = 0; i < count; i += 2) {
        const char *option = options[i], *value = i + 1 < count ? options[i + 1] : NULL;
        if (value != NULL && strcmp(option, "--root") == 0)
            plan->root = value;
        else if (value == NULL || !blob_option(&plan->expected, option, value))
            die("unpack-layer: unexpected %s", option);
    }
    if (plan->root == NULL || expected->digest == NULL || expected->diff_id == NULL || expected->compression == NULL ||
        expected->size == BLOB_SIZE_UNKNOWN)
        die("unpack-layer: --root, --digest, --size, --diff-id and --compression are needed");
}

static int read_archive(void *layer, struct tar *tar, struct fail *why)
{
    return layer_unpack(layer, tar, why);
}

static int by_path(const void *left, const void *right)
{
    return compare_paths(*(char *const *)left, *(char *const *)right);
}

/* As with pack, "sha256:… BYTES" of the archive, and " opaque"; then each implicit directory, with a NUL behind it. */
static void print_report(const struct layer *layer, const struct blob_found *found)
{
    const char **implicit = xcalloc(layer->directory_count + 1, sizeof *implicit);
    size_t count = 0;
    for (size_t i = 0; i < layer->directory_count; i++)
        if (layer->directories[i].implicit)
            implicit[count++] = layer->directories[i].entry.path;
    if (count > 1)
        qsort(implicit, count, sizeof *implicit, by_path);
    bool opaque = false;
    for (size_t i = 0; i < layer->mark_count; i++)
        opaque = opaque || (layer->marks[i].opaque && layer->marks[i].path[0] == '\0');
    printf("%s %llu%s\n", found->diff_id, (unsigned long long)found->size, opaque ? " opaque" : "");
    for (size_t i = 0; i < count; i++)
        printf("%s%c", implicit[i], '\0');
    if (fflush(stdout) != 0)
        die_errno("the digest cannot be printed");
    free(implicit);
}
