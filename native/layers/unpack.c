#include "unpack.h"

#include "../lib/util.h"
#include "layers.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { workers_at_most = 8 };

struct plan {
    const char *root;
    struct merged_link *links;
    size_t link_count;
    struct package *packages;
    size_t package_count;
};

/* What the workers share: each takes the next largest package. */
struct queue {
    const struct unpacking *unpacking;
    struct package **largest_first;
    atomic_size_t next;
    pthread_mutex_t lock;
    /* The earliest package in the plan's order that failed, so that the message does not depend on luck. */
    const struct package *failed;
    struct fail why;
};

static int read_plan(struct plan *plan, size_t count, char *const *options, struct fail *why);
static int open_packages(int store, const struct plan *plan, struct fail *why);
static int make_links(const struct plan *plan, struct root *root, struct fail *why);
static int unpack_all(const struct unpacking *unpacking, struct fail *why);
static int finish_directories(const struct unpacking *unpacking, struct root *root, struct fail *why);

int unpack_debs(int store, size_t count, char *const *options)
{
    struct plan plan = {0};
    struct fail why;
    umask(0);
    end_with_caller();
    if (read_plan(&plan, count, options, &why) < 0 || open_packages(store, &plan, &why) < 0)
        die("%s", why.text);
    int fd = make_in_store(store, plan.root, &why);
    if (fd < 0)
        die("%s", why.text);
    struct unpacking unpacking = {fd, plan.links, plan.link_count, plan.packages, plan.package_count};
    struct root root;
    root_start(&root, fd);
    if (make_links(&plan, &root, &why) < 0 || root_make_directories(&root, DPKG_INFO, NULL, &why) < 0 ||
        root_make_directories(&root, DPKG_DIRECTORY "/triggers", NULL, &why) < 0 || unpack_all(&unpacking, &why) < 0 ||
        dpkg_write_database(&unpacking, &root, &why) < 0 || finish_directories(&unpacking, &root, &why) < 0)
        die("%s", why.text);
    root_end(&root);
    return 0;
}

static int read_plan(struct plan *plan, size_t count, char *const *options, struct fail *why)
{
    plan->links = calloc(count + 1, sizeof *plan->links);
    plan->packages = calloc(count + 1, sizeof *plan->packages);
    if (plan->links == NULL || plan->packages == NULL)
        return fail(why, "out of memory");
    for (size_t i = 0; i < count;) {
        const char *option = options[i];
        size_t left = count - i - 1;
        if (strcmp(option, "--root") == 0 && left >= 1) {
            plan->root = options[i + 1];
            i += 2;
        } else if (strcmp(option, "--symlink") == 0 && left >= 2) {
            struct merged_link link = {options[i + 1], options[i + 2]};
            char clean[PATH_MAX];
            if (strchr(link.link, '/') != NULL || link.link[0] == '\0' || tar_clean_path(link.target, clean, why) < 0 ||
                strcmp(clean, link.target) != 0)
                return fail(why, "--symlink %s %s: a link at the top and a plain relative target are expected",
                            link.link, link.target);
            plan->links[plan->link_count++] = link;
            i += 3;
        } else if (strcmp(option, "--deb") == 0 && left >= 4) {
            plan->packages[plan->package_count++] = (struct package){.name = options[i + 1],
                                                                     .architecture = options[i + 2],
                                                                     .sha256 = options[i + 3],
                                                                     .file = options[i + 4],
                                                                     .fd = -1};
            i += 5;
        } else {
            return fail(why, "unpack: unexpected %s", option);
        }
    }
    return plan->root == NULL ? fail(why, "unpack: --root is missing") : 0;
}

static int open_packages(int store, const struct plan *plan, struct fail *why)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    for (size_t i = 0; i < plan->package_count; i++) {
        struct package *package = &plan->packages[i];
        struct stat status;
        package->fd = open_in_store(store, package->file, O_RDONLY, why);
        if (package->fd < 0)
            return fail_within(why, package->name);
        if (fstat(package->fd, &status) < 0 || !S_ISREG(status.st_mode))
            return fail(why, "%s: %s is not a file", package->name, package->file);
        package->size = (uint64_t)status.st_size;
    }
    return 0;
}

static int make_links(const struct plan *plan, struct root *root, struct fail *why)
{
    for (size_t i = 0; i < plan->link_count; i++) {
        const struct merged_link *link = &plan->links[i];
        if (root_make_directories(root, link->target, NULL, why) < 0)
            return -1;
        if (symlinkat(link->target, root->fd, link->link) < 0)
            return fail_errno(why, "/%s: the link cannot be made", link->link);
    }
    return 0;
}

static int larger(const void *left, const void *right)
{
    const struct package *const *a = left, *const *b = right;
    return (*a)->size < (*b)->size ? 1 : (*a)->size > (*b)->size ? -1 : 0;
}

static void *work(void *argument)
{
    struct queue *queue = argument;
    struct root root;
    root_start(&root, queue->unpacking->root);
    for (;;) {
        size_t index = atomic_fetch_add(&queue->next, 1);
        if (index >= queue->unpacking->package_count)
            break;
        struct package *package = queue->largest_first[index];
        struct fail why;
        int result = unpack_package(queue->unpacking, package, &root, &why);
        close(package->fd);
        if (result == 0)
            continue;
        fail_within(&why, package->name);
        pthread_mutex_lock(&queue->lock);
        if (queue->failed == NULL || package < queue->failed) {
            queue->failed = package;
            queue->why = why;
        }
        pthread_mutex_unlock(&queue->lock);
        atomic_store(&queue->next, queue->unpacking->package_count);
    }
    root_end(&root);
    return NULL;
}

static int unpack_all(const struct unpacking *unpacking, struct fail *why)
{
    struct queue queue = {.unpacking = unpacking, .lock = PTHREAD_MUTEX_INITIALIZER};
    queue.largest_first = calloc(unpacking->package_count + 1, sizeof(struct package *));
    if (queue.largest_first == NULL)
        return fail(why, "out of memory");
    for (size_t i = 0; i < unpacking->package_count; i++)
        queue.largest_first[i] = &unpacking->packages[i];
    qsort(queue.largest_first, unpacking->package_count, sizeof(struct package *), larger);

    cpu_set_t processors;
    int count = sched_getaffinity(0, sizeof processors, &processors) == 0 ? CPU_COUNT(&processors) : 1;
    pthread_t threads[workers_at_most];
    int started = 0;
    /* This thread works too: without any other the work still gets done. */
    while (started < count - 1 && started < workers_at_most &&
           pthread_create(&threads[started], NULL, work, &queue) == 0)
        started++;
    work(&queue);
    while (started > 0)
        pthread_join(threads[--started], NULL);
    free(queue.largest_first);
    if (queue.failed == NULL)
        return 0;
    *why = queue.why;
    return -1;
}

struct claim {
    const struct directory *directory;
    size_t order;
};

static int by_path_then_order(const void *left, const void *right)
{
    const struct claim *a = left, *b = right;
    int order = strcmp(a->directory->path, b->directory->path);
    return order != 0 ? order : a->order < b->order ? -1 : 1;
}

/* As with dpkg, the first package that ships a directory decides its owner and mode. */
static int finish_directories(const struct unpacking *unpacking, struct root *root, struct fail *why)
{
    size_t count = 0, used = 0;
    for (size_t i = 0; i < unpacking->package_count; i++)
        count += unpacking->packages[i].directory_count;
    struct claim *claims = calloc(count + 1, sizeof *claims);
    if (claims == NULL)
        return fail(why, "out of memory");
    for (size_t i = 0; i < unpacking->package_count; i++)
        for (size_t j = 0; j < unpacking->packages[i].directory_count; j++, used++)
            claims[used] = (struct claim){&unpacking->packages[i].directories[j], used};
    qsort(claims, count, sizeof *claims, by_path_then_order);
    int result = 0;
    for (size_t i = 0; i < count && result == 0; i++) {
        const struct directory *directory = claims[i].directory;
        if (i > 0 && strcmp(claims[i - 1].directory->path, directory->path) == 0)
            continue;
        struct tar_entry entry = {.path = directory->path,
                                  .mode = directory->mode,
                                  .uid = directory->uid,
                                  .gid = directory->gid,
                                  .mtime = directory->mtime,
                                  .nanoseconds = directory->nanoseconds};
        result = root_finish_directory(root, &entry, why);
    }
    free(claims);
    return result;
}
