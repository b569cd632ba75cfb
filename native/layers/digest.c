#include "layers.h"

#include "../lib/sha256.h"
#include "../lib/sha512.h"
#include "../lib/util.h"
#include "store.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { workers_at_most = 8, piece_size = 1 << 20 };

/* A file, and in the end its digest or why it has none. */
struct task {
    const char *path;
    char digest[129];
    bool failed;
    struct fail why;
};

/* What the workers share: each takes the next file. */
struct queue {
    int store;
    bool long_digest;
    struct task *tasks;
    size_t count;
    atomic_size_t next;
};

static void digest_all(struct queue *queue);
static void *work(void *argument);
static int digest_file(const struct queue *queue, struct task *task, uint8_t *piece);

int digest_files(int store, size_t count, char *const *words)
{
    if (count == 0 || (strcmp(words[0], "sha256") != 0 && strcmp(words[0], "sha512") != 0))
        die("digest: sha256 or sha512 is needed");
    end_with_caller();
    struct queue queue = {
        .store = store,
        .long_digest = strcmp(words[0], "sha512") == 0,
        .tasks = xcalloc(count, sizeof *queue.tasks),
        .count = count - 1,
    };
    for (size_t i = 0; i < queue.count; i++)
        queue.tasks[i].path = words[i + 1];
    digest_all(&queue);
    for (size_t i = 0; i < queue.count; i++) {
        const struct task *task = &queue.tasks[i];
        printf("%s%s\n", task->failed ? "unreadable " : queue.long_digest ? "sha512:" : "sha256:",
               task->failed ? task->why.text : task->digest);
    }
    free(queue.tasks);
    if (fflush(stdout) != 0)
        die_errno("the digests cannot be printed");
    return 0;
}

static void digest_all(struct queue *queue)
{
    cpu_set_t processors;
    size_t workers = sched_getaffinity(0, sizeof processors, &processors) < 0 ? 1 : (size_t)CPU_COUNT(&processors);
    if (workers > workers_at_most)
        workers = workers_at_most;
    pthread_t threads[workers_at_most];
    size_t started = 0;
    /* This thread is one of them; without the others the work takes longer, that is all. */
    while (started + 1 < workers && pthread_create(&threads[started], NULL, work, queue) == 0)
        started++;
    work(queue);
    while (started > 0)
        pthread_join(threads[--started], NULL);
}

static void *work(void *argument)
{
    struct queue *queue = argument;
    uint8_t *piece = xcalloc(1, piece_size);
    for (;;) {
        size_t next = atomic_fetch_add(&queue->next, 1);
        if (next >= queue->count)
            break;
        queue->tasks[next].failed = digest_file(queue, &queue->tasks[next], piece) < 0;
    }
    free(piece);
    return NULL;
}

static int digest_file(const struct queue *queue, struct task *task, uint8_t *piece)
{
    struct sha256 sha256;
    struct sha512 sha512;
    int fd = open_in_store(queue->store, task->path, O_RDONLY | O_NONBLOCK, &task->why);
    if (fd < 0)
        return -1;
    sha256_start(&sha256);
    sha512_start(&sha512);
    ssize_t got;
    while ((got = read(fd, piece, piece_size)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            fail_errno(&task->why, "%s cannot be read", task->path);
            close(fd);
            return -1;
        }
        if (queue->long_digest)
            sha512_update(&sha512, piece, (size_t)got);
        else
            sha256_update(&sha256, piece, (size_t)got);
    }
    close(fd);
    if (queue->long_digest)
        sha512_finish_hex(&sha512, task->digest);
    else
        sha256_finish_hex(&sha256, task->digest);
    return 0;
}
