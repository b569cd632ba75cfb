#include "watch.h"

#include "../lib/syscalls.h"
#include "descriptors.h"
#include "privileges.h"
#include "state-file.h"

#include <errno.h>
#include <linux/close_range.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

/* Both are outside of the environment's process namespace, so that nobody inside sees them. */
struct children {
    /*
     * In the network of the environment, with no capability: it passes on what comes to published ports, and the
     * helper finds the namespaces by its number.
     */
    pid_t anchor;
    int anchor_end;
    pid_t helper;
    int helper_end;
    /* The helper writes here once packets can flow, and here what it has to say. */
    int ready;
    int messages;
};

struct watch {
    const struct network_plan *plan;
    struct state_files files;
    /* The one of them that is there, and open, with the lock on it that says that this process lives. */
    const char *file;
    int state;
    struct children children;
    /* The last that the helper said, lines separated by semicolons. */
    char said[512];
};

static void become_watcher(const struct network_plan *plan, const struct listeners *published, int channel, int state);
static void close_all_but(const struct network_plan *plan, const struct listeners *published, const int *others,
                          size_t other_count);
static void start_anchor(struct watch *watch, const int *namespaces, const struct listeners *published);
__attribute__((noreturn)) static void be_anchor(const struct network_plan *plan, const int *namespaces,
                                                const struct listeners *published, int joined);
static void start_helper(struct watch *watch);
__attribute__((noreturn)) static void become_helper(const struct network_plan *plan, pid_t anchor, int ready, int messages);
static void look_after(struct watch *watch, struct forwarder *forwarder, int channel);
static void listen_to_helper(struct watch *watch);
static void packets_flow(struct watch *watch);
__attribute__((noreturn)) static void give_up(struct watch *watch, const char *what);
__attribute__((noreturn)) static void end(struct watch *watch);
static bool is_present(const struct watch *watch);
static void end_child(pid_t *pid);

void watch(const struct network_plan *plan, const struct listeners *published, int channel, int state)
{
    struct watch watch = {
        .plan = plan,
        .files = state_files(plan->state),
        .state = state,
        .children = {.anchor_end = -1, .helper_end = -1, .ready = -1, .messages = -1},
    };
    watch.file = watch.files.starting;
    become_watcher(plan, published, channel, state);
    int given[2 + 2 * MOST_HOST_PORTS];
    ssize_t count = take_descriptors(channel, given, sizeof given / sizeof given[0]);
    if (count != (ssize_t)(2 + 2 * plan->host_port_count))
        end(&watch);
    start_anchor(&watch, given, published);
    if (plan->helper_count > 0)
        start_helper(&watch);
    struct forwarder forwarder = new_forwarder();
    for (size_t i = 0; i < plan->host_port_count; i++) {
        struct listeners inside = {.sockets = {given[2 + 2 * i], given[3 + 2 * i]}};
        forward_to(&forwarder, inside, plan->host_ports[i]);
    }
    close(given[0]);
    close(given[1]);
    for (size_t i = 0; i < plan->published_count; i++)
        close_listeners(published[i]);
    if (plan->helper_count == 0)
        packets_flow(&watch);
    look_after(&watch, &forwarder, channel);
    end(&watch);
}

/* Nothing of the terminal, the files and the rights of whoever started the environment. */
static void become_watcher(const struct network_plan *plan, const struct listeners *published, int channel, int state)
{
    message_fd = -1;
    close_all_but(plan, published, (const int[]){channel, state}, 2);
    reset_signals();
    struct sigaction ignored = {.sa_handler = SIG_IGN};
    if (setsid() < 0 || chdir("/") < 0 || sigaction(SIGPIPE, &ignored, NULL) < 0)
        _exit(EXIT_SANDBOX);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        _exit(EXIT_SANDBOX);
    for (int fd = 0; fd < 3; fd++)
        if (dup2(null, fd) < 0)
            _exit(EXIT_SANDBOX);
    close(null);
    prctl(PR_SET_NAME, "devenv-network");
    drop_capabilities();
}

/* What stays are the standard descriptors, the listening sockets and the others. */
static void close_all_but(const struct network_plan *plan, const struct listeners *published, const int *others,
                          size_t other_count)
{
    size_t count = 0;
    int *kept = xcalloc(3 + other_count + 2 * plan->published_count, sizeof *kept);
    for (int fd = 0; fd < 3; fd++)
        kept[count++] = fd;
    for (size_t i = 0; i < other_count; i++)
        kept[count++] = others[i];
    for (size_t i = 0; i < plan->published_count; i++)
        for (size_t family = 0; family < 2; family++)
            if (published[i].sockets[family] >= 0)
                kept[count++] = published[i].sockets[family];
    if (keep_descriptors(kept, count) < 0)
        _exit(EXIT_SANDBOX);
    free(kept);
}

static void start_anchor(struct watch *watch, const int *namespaces, const struct listeners *published)
{
    struct children *children = &watch->children;
    int joined[2];
    if (pipe2(joined, O_CLOEXEC) < 0)
        give_up(watch, "pipe");
    children->anchor = fork();
    if (children->anchor < 0)
        give_up(watch, "fork");
    if (children->anchor == 0) {
        close(joined[0]);
        be_anchor(watch->plan, namespaces, published, joined[1]);
    }
    close(joined[1]);
    char byte;
    if (read(joined[0], &byte, 1) != 1)
        give_up(watch, "the network of the environment cannot be joined");
    close(joined[0]);
    children->anchor_end = sys_pidfd_open(children->anchor);
    if (children->anchor_end < 0)
        give_up(watch, "pidfd_open");
}

static void be_anchor(const struct network_plan *plan, const int *namespaces, const struct listeners *published, int joined)
{
    pid_t parent = getppid();
    if (setns(namespaces[0], CLONE_NEWUSER) < 0 || setns(namespaces[1], CLONE_NEWNET) < 0)
        _exit(EXIT_SANDBOX);
    drop_capabilities();
    close_all_but(plan, published, &joined, 1);
    /* A change of identity clears it, so it comes behind. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(EXIT_SANDBOX);
    struct forwarder forwarder = new_forwarder();
    for (size_t i = 0; i < plan->published_count; i++)
        forward_to(&forwarder, published[i], plan->published[i].inside);
    if (write_all(joined, "", 1) < 0)
        _exit(EXIT_SANDBOX);
    close(joined);
    for (;;)
        forward_once(&forwarder, -1);
}

static void start_helper(struct watch *watch)
{
    struct children *children = &watch->children;
    int ready[2];
    int messages[2];
    if (pipe2(ready, O_CLOEXEC) < 0 || pipe2(messages, O_CLOEXEC) < 0)
        give_up(watch, "pipe");
    children->helper = fork();
    if (children->helper < 0)
        give_up(watch, "fork");
    if (children->helper == 0)
        become_helper(watch->plan, children->anchor, ready[1], messages[1]);
    close(ready[1]);
    close(messages[1]);
    children->ready = ready[0];
    children->messages = messages[0];
    children->helper_end = sys_pidfd_open(children->helper);
    if (children->helper_end < 0)
        give_up(watch, "pidfd_open");
}

static void become_helper(const struct network_plan *plan, pid_t anchor, int ready, int messages)
{
    message_fd = messages;
    pid_t parent = getppid();
    char **words = xcalloc(plan->helper_count + 1, sizeof *words);
    for (size_t i = 0; i < plan->helper_count; i++)
        words[i] = strcmp(plan->helper[i], "{pid}") == 0 ? xprintf("%d", (int)anchor) : plan->helper[i];
    reset_signals();
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
        _exit(EXIT_SANDBOX);
    if (dup2(messages, STDERR_FILENO) < 0 || dup2(ready, plan->ready) < 0 ||
        sys_close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0 || fcntl(plan->ready, F_SETFD, 0) < 0)
        _exit(EXIT_SANDBOX);
    message_fd = STDERR_FILENO;
    char *environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", NULL};
    execve(words[0], words, environment);
    die_errno("%s cannot be started", words[0]);
}

/* Until the environment's first process ends, or the start of the environment has failed before there was one. */
static void look_after(struct watch *watch, struct forwarder *forwarder, int channel)
{
    struct children *children = &watch->children;
    int init = -1;
    for (;;) {
        struct pollfd files[] = {
            {.fd = init >= 0 ? init : channel, .events = POLLIN},
            {.fd = children->messages, .events = POLLIN},
            {.fd = children->ready, .events = POLLIN},
            {.fd = children->helper_end, .events = POLLIN},
            {.fd = children->anchor_end, .events = POLLIN},
            {.fd = forwarder->events, .events = POLLIN},
        };
        if (poll(files, sizeof files / sizeof files[0], -1) < 0)
            continue;
        if (files[0].revents != 0) {
            if (init >= 0 || take_descriptors(channel, &init, 1) != 1)
                return;
            close(channel);
            continue;
        }
        if (files[1].revents != 0)
            listen_to_helper(watch);
        else if (files[3].revents != 0)
            give_up(watch, "the network helper ended");
        if (files[4].revents != 0)
            give_up(watch, "the process that publishes ports ended");
        if (files[2].revents != 0) {
            char byte;
            if (read(children->ready, &byte, 1) == 1)
                packets_flow(watch);
            close(children->ready);
            children->ready = -1;
        }
        if (files[5].revents != 0)
            forward_once(forwarder, 0);
    }
}

static void listen_to_helper(struct watch *watch)
{
    char piece[sizeof watch->said];
    ssize_t got = read(watch->children.messages, piece, sizeof piece - 1);
    if (got <= 0) {
        close(watch->children.messages);
        watch->children.messages = -1;
        return;
    }
    piece[got] = '\0';
    size_t used = strlen(watch->said);
    for (char *line = piece; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        /* What old versions say of every message. */
        bool is_noise = length == 0 || strstr(line, "bytes to syslog") != NULL;
        if (!is_noise && used + length + 3 < sizeof watch->said)
            used += (size_t)sprintf(watch->said + used, "%s%.*s", used > 0 ? "; " : "", (int)length, line);
        line += length + (line[length] != '\0');
    }
}

static void packets_flow(struct watch *watch)
{
    (void)rename(watch->files.starting, watch->files.ready);
    watch->file = watch->files.ready;
    /* What it said on the way did not matter. */
    watch->said[0] = '\0';
    struct children *children = &watch->children;
    if (watch->plan->published_count > 0)
        return;
    close(children->anchor_end);
    children->anchor_end = -1;
    end_child(&children->anchor);
}

static void give_up(struct watch *watch, const char *what)
{
    char *text = watch->said[0] == '\0' ? xprintf("%s\n", what) : xprintf("%s: %s\n", what, watch->said);
    int fd = is_present(watch) ? new_state(watch->files.failed) : -1;
    if (fd >= 0)
        (void)give_state(fd, watch->files.failed, text);
    end(watch);
}

static void end(struct watch *watch)
{
    end_child(&watch->children.helper);
    end_child(&watch->children.anchor);
    /* The last that it does: as long as its file is there a new start waits for its end. */
    if (is_present(watch))
        (void)unlink(watch->file);
    _exit(0);
}

/* Else the environment's directory was removed meanwhile, and what is there now is another one's. */
static bool is_present(const struct watch *watch)
{
    struct stat own;
    struct stat present;
    return fstat(watch->state, &own) == 0 && stat(watch->file, &present) == 0 && own.st_dev == present.st_dev &&
           own.st_ino == present.st_ino;
}

static void end_child(pid_t *pid)
{
    if (*pid <= 0)
        return;
    (void)kill(*pid, SIGKILL);
    while (waitpid(*pid, NULL, 0) < 0 && errno == EINTR) {
    }
    *pid = 0;
}
