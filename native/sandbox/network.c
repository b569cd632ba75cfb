#include "network.h"

#include "../lib/process.h"
#include "../lib/syscalls.h"
#include "descriptors.h"
#include "state-file.h"
#include "target.h"
#include "verbs.h"
#include "watch.h"

#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

static struct published parse_published(const char *option, char *text);
static bool has_watcher(const struct network_plan *plan);
static void settle_earlier(const struct state_files *files);
static void end_earlier(const char *file);
static int new_lock(const char *file);
static void write_watcher(int state, const char *file, pid_t watcher);
static void raise_loopback(void);
static void open_low_ports(void);
static bool tell_failure(const char *file);
static void pause_a_moment(void);

bool network_option(struct network_plan *plan, const char *option, struct args *args)
{
    if (strcmp(option, "--network") == 0)
        plan->own = network_is_own(args_value(args, option));
    else if (strcmp(option, "--network-state") == 0)
        plan->state = args_value(args, option);
    else if (strcmp(option, "--network-publish") == 0) {
        plan->published = xgrow(plan->published, plan->published_count, sizeof *plan->published);
        plan->published[plan->published_count++] = parse_published(option, args_value(args, option));
    } else if (strcmp(option, "--network-host-port") == 0) {
        plan->host_ports = xgrow(plan->host_ports, plan->host_port_count, sizeof *plan->host_ports);
        plan->host_ports[plan->host_port_count++] = (uint16_t)args_number(args, option, UINT16_MAX);
    } else if (strcmp(option, "--network-ready") == 0)
        plan->ready = (int)args_number(args, option, 3);
    else if (strcmp(option, "--network-helper") == 0) {
        plan->helper = xgrow(plan->helper, plan->helper_count, sizeof *plan->helper);
        plan->helper[plan->helper_count++] = args_value(args, option);
    } else
        return false;
    return true;
}

struct watcher start_watcher(const struct network_plan *plan)
{
    struct watcher watcher = {.channel = -1};
    if (!has_watcher(plan))
        return watcher;
    struct state_files files = state_files(plan->state);
    settle_earlier(&files);
    struct listeners *published = xcalloc(plan->published_count + 1, sizeof *published);
    for (size_t i = 0; i < plan->published_count; i++)
        published[i] = listen_at(plan->published[i].host, "the host");
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        die_errno("socketpair");
    int state = new_lock(files.starting);
    pid_t pid = fork();
    if (pid < 0)
        die_errno("fork");
    if (pid == 0) {
        close(ends[0]);
        watch(plan, published, ends[1], state);
    }
    close(ends[1]);
    write_watcher(state, files.starting, pid);
    close(state);
    for (size_t i = 0; i < plan->published_count; i++)
        close_listeners(published[i]);
    free(published);
    watcher.channel = ends[0];
    return watcher;
}

void make_network(const struct network_plan *plan, const struct watcher *watcher)
{
    if (!plan->own)
        return;
    if (unshare(CLONE_NEWNET) < 0)
        die_errno("a network namespace cannot be made");
    raise_loopback();
    open_low_ports();
    give_network(plan, watcher);
}

void give_network(const struct network_plan *plan, const struct watcher *watcher)
{
    if (watcher->channel < 0)
        return;
    if (plan->host_port_count > MOST_HOST_PORTS)
        die("--network-host-port: at most %d", MOST_HOST_PORTS);
    size_t count = 0;
    int *descriptors = xcalloc(2 + plan->host_port_count * 2, sizeof *descriptors);
    static const char *const namespaces[] = {"/proc/self/ns/user", "/proc/self/ns/net"};
    for (size_t i = 0; i < 2; i++) {
        int fd = open(namespaces[i], O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            die_errno("%s", namespaces[i]);
        descriptors[count++] = fd;
    }
    for (size_t i = 0; i < plan->host_port_count; i++) {
        struct listeners made = listen_at(plan->host_ports[i], "the environment");
        /* Loopback inside always has both families, unless the kernel has no IPv6: then the first stands for both. */
        for (size_t family = 0; family < 2; family++)
            descriptors[count++] = made.sockets[family] >= 0 ? made.sockets[family] : dup(made.sockets[0]);
    }
    if (send_descriptors(watcher->channel, descriptors, count) < 0)
        die_errno("the process that looks after the network is gone");
    for (size_t i = 0; i < count; i++)
        close(descriptors[i]);
    free(descriptors);
}

void follow(const struct watcher *watcher, pid_t init)
{
    if (watcher->channel < 0)
        return;
    int pidfd = sys_pidfd_open(init);
    if (pidfd < 0)
        die_errno("process %d cannot be opened", (int)init);
    if (send_descriptors(watcher->channel, &pidfd, 1) < 0)
        die_errno("the process that looks after the network is gone");
    close(watcher->channel);
    close(pidfd);
}

void await_network(const char *file)
{
    if (access(file, F_OK) == 0)
        return;
    struct state_files files = state_files(file);
    for (unsigned waited = 0; waited < 5000; waited += 2) {
        if (tell_failure(files.failed) || access(file, F_OK) == 0)
            return;
        pause_a_moment();
    }
    dprintf(STDERR_FILENO, "%s: the network is not ready after 5 seconds; going on without\n", program_name);
}

int cmd_network(struct args *args)
{
    struct network_plan plan = {0};
    struct target target = {0};
    char *option;
    while ((option = args_take(args)) != NULL)
        if (!target_option(&target, option, args) && !network_option(&plan, option, args))
            die("network: %s: not an option", option);
    if (!has_watcher(&plan))
        die("network: there is nothing to look after");
    int pidfd = open_target(&target);
    if (pidfd < 0)
        die("process %d is not the environment any more", (int)target.pid);
    struct watcher watcher = start_watcher(&plan);
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        die_errno("PR_SET_DUMPABLE");
    if (setns(pidfd, CLONE_NEWUSER | CLONE_NEWNET) < 0)
        die_errno("the environment cannot be joined");
    give_network(&plan, &watcher);
    follow(&watcher, target.pid);
    return 0;
}

static struct published parse_published(const char *option, char *text)
{
    char *colon = strchr(text, ':');
    if (colon == NULL)
        die("%s %s: not HOST:INSIDE", option, text);
    *colon = '\0';
    struct published made = {
        .host = (uint16_t)number(option, text, UINT16_MAX),
        .inside = (uint16_t)number(option, colon + 1, UINT16_MAX),
    };
    *colon = ':';
    return made;
}

static bool has_watcher(const struct network_plan *plan)
{
    bool needed = plan->helper_count > 0 || plan->published_count > 0 || plan->host_port_count > 0;
    if (needed && plan->state == NULL)
        die("--network-state is needed");
    return needed;
}

/* The watcher of a start before may not have ended yet, and would hold the ports. */
static void settle_earlier(const struct state_files *files)
{
    end_earlier(files->starting);
    end_earlier(files->ready);
    const char *const names[] = {files->starting, files->ready, files->failed};
    for (size_t i = 0; i < 3; i++)
        if (unlink(names[i]) < 0 && errno != ENOENT)
            die_errno("%s cannot be removed", names[i]);
}

static void end_earlier(const char *file)
{
    char text[128];
    char now[BOOT_ID_SIZE];
    char boot[BOOT_ID_SIZE];
    int pid;
    unsigned long long start;
    if (read_text(AT_FDCWD, file, text, sizeof text) < 0 ||
        sscanf(text, "%d %llu %36s", &pid, &start, boot) != 3 || boot_id(now) < 0 || strcmp(boot, now) != 0 || pid <= 1)
        return;
    for (unsigned waited = 0; waited < 2000 && start_time(pid) == start; waited += 2) {
        /* It ends by itself with its environment; one that does not is of no use any more. */
        if (waited == 500)
            (void)kill(pid, SIGKILL);
        pause_a_moment();
    }
}

/* The lock is the watcher's as well, and its alone once this process has closed the descriptor. */
static int new_lock(const char *file)
{
    int fd = new_state(file);
    if (fd < 0 || flock(fd, LOCK_EX) < 0)
        die_errno("%s cannot be made", file);
    return fd;
}

/* Before the environment lives, so that none is without a watcher that is written down. */
static void write_watcher(int state, const char *file, pid_t watcher)
{
    char boot[BOOT_ID_SIZE];
    if (boot_id(boot) < 0)
        die("the id of this boot cannot be read");
    char *line = xprintf("%d %llu %s\n", (int)watcher, start_time(watcher), boot);
    if (!give_state(state, file, line))
        die_errno("%s cannot be written", file);
    free(line);
}

static void raise_loopback(void)
{
    struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        die_errno("the loopback network cannot be started");
    close(fd);
}

/* In a network of its own no port is anybody else's: whoever serves at 80 inside need not be root. */
static void open_low_ports(void)
{
    const char *file = "/proc/sys/net/ipv4/ip_unprivileged_port_start";
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write_all(fd, "0", 1) < 0)
        die_errno("%s", file);
    close(fd);
}

static bool tell_failure(const char *file)
{
    char text[1024];
    if (read_text(AT_FDCWD, file, text, sizeof text) < 0)
        return false;
    for (char *next = text; *next != '\0'; next++)
        if ((unsigned char)*next < ' ' || *next == 0x7f)
            *next = ' ';
    /* Not among the messages by which this program says that it failed itself: the command runs. */
    dprintf(STDERR_FILENO, "%s: there is no network: %s\n", program_name, text);
    return true;
}

static void pause_a_moment(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2 * 1000 * 1000}, NULL);
}
