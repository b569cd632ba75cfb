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
static enum compression compression_of(const char *name);
static void check_digest(const char *option, const char *digest, bool may_be_sha512);
static int unpack_archive(struct layer *layer, const struct plan *plan, uint64_t *size, struct fail *why);
static void print_report(const struct layer *layer, const struct plan *plan, uint64_t size);
__attribute__((noreturn)) static void die_plainly(struct fail *why);

int unpack_layer(int store, size_t count, char *const *options)
{
    struct plan plan = {.expected = {.size = UINT64_MAX}};
    struct layer layer = {0};
    struct fail why;
    uint64_t size;
    umask(0);
    end_with_caller();
    read_plan(&plan, count, options);
    int fd = make_in_store(store, plan.root, &why);
    if (fd < 0)
        die_plainly(&why);
    root_start(&layer.root, fd);
    layer.root.replaces = true;
    if (unpack_archive(&layer, &plan, &size, &why) < 0 || layer_finish(&layer, &why) < 0)
        die_plainly(&why);
    print_report(&layer, &plan, size);
    root_end(&layer.root);
    return 0;
}

static void read_plan(struct plan *plan, size_t count, char *const *options)
{
    const char *compression = NULL;
    struct blob_expected *expected = &plan->expected;
    for (size_t i = 0; i < count; i += 2) {
        const char *option = options[i], *value = i + 1 < count ? options[i + 1] : NULL;
        if (value == NULL)
            die("unpack-layer: unexpected %s", option);
        if (strcmp(option, "--root") == 0)
            plan->root = value;
        else if (strcmp(option, "--digest") == 0)
            check_digest(option, expected->digest = value, true);
        else if (strcmp(option, "--diff-id") == 0)
            check_digest(option, expected->diff_id = value, false);
        else if (strcmp(option, "--size") == 0)
            expected->size = number(option, value, INT64_MAX);
        else if (strcmp(option, "--compression") == 0)
            expected->compression = compression_of(compression = value);
        else
            die("unpack-layer: unexpected %s", option);
    }
    if (plan->root == NULL || expected->digest == NULL || expected->diff_id == NULL || compression == NULL ||
        expected->size == UINT64_MAX)
        die("unpack-layer: --root, --digest, --size, --diff-id and --compression are needed");
}

/* OCI image specification, media-types.md: layers are not compressed in any other way. */
static enum compression compression_of(const char *name)
{
    if (strcmp(name, "none") == 0)
        return COMPRESSION_NONE;
    if (strcmp(name, "gzip") == 0)
        return COMPRESSION_GZIP;
    if (strcmp(name, "zstd") == 0)
        return COMPRESSION_ZSTD;
    die("--compression %s: not none, gzip or zstd", name);
}

/* OCI image specification, descriptor.md, "Registered Algorithms" */
static void check_digest(const char *option, const char *digest, bool may_be_sha512)
{
    size_t digits = strncmp(digest, "sha256:", 7) == 0                    ? 64
                    : may_be_sha512 && strncmp(digest, "sha512:", 7) == 0 ? 128
                                                                          : 0;
    if (digits == 0 || strlen(digest) != 7 + digits || strspn(digest + 7, "0123456789abcdef") != digits)
        die("%s %s: not a digest", option, digest);
}

static int unpack_archive(struct layer *layer, const struct plan *plan, uint64_t *size, struct fail *why)
{
    struct blob *blob = blob_open(STDIN_FILENO, &plan->expected, why);
    if (blob == NULL)
        return -1;
    struct tar *tar = tar_open(blob_stream(blob));
    int result = tar == NULL ? fail(why, "out of memory") : layer_unpack(layer, tar, why);
    tar_close(tar);
    return blob_finish(blob, result == 0, size, why);
}

static int by_path(const void *left, const void *right)
{
    return compare_paths(*(char *const *)left, *(char *const *)right);
}

/* As with pack, "sha256:… BYTES" of the archive, and " opaque"; then each implicit directory, with a NUL behind it. */
static void print_report(const struct layer *layer, const struct plan *plan, uint64_t size)
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
    printf("%s %llu%s\n", plan->expected.diff_id, (unsigned long long)size, opaque ? " opaque" : "");
    for (size_t i = 0; i < count; i++)
        printf("%s%c", implicit[i], '\0');
    if (fflush(stdout) != 0)
        die_errno("the digest cannot be printed");
    free(implicit);
}

/* Names come from the archive: none may break the line or steer the terminal. */
static void die_plainly(struct fail *why)
{
    for (char *next = why->text; *next != '\0'; next++)
        if ((unsigned char)*next < ' ' || *next == 0x7f)
            *next = '?';
    die("%s", why->text);
}
