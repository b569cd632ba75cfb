#include "../lib/buffer.h"
#include "../lib/process.h"
#include "cgroup.h"
#include "target.h"
#include "verbs.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/*
 * --pid N --starttime N        the environment's first process, as run printed it
 * --cgroup-make DIRECTORY, --cgroup-write FILE VALUE       see cgroup.h
 * --cgroup-move DIRECTORY      then every process of the environment joins; so does whoever is about to enter
 */
struct plan {
    struct target target;
    struct cgroup_plan cgroups;
    const char **moves;
    size_t move_count;
};

static void parse(struct plan *plan, struct args *args);
static struct stat namespace_of(const struct plan *plan);
static void move_all(const char *group, const struct stat *namespace);
static bool move_outsiders(const char *group, const struct stat *namespace);
static bool is_member(int proc, const char *pid, const struct stat *namespace);
static bool is_dead(int proc, const char *pid);
static struct buffer members_of(const char *path);
static bool has_line(const char *text, const char *line);

int cmd_limit(struct args *args)
{
    struct plan plan = {0};
    parse(&plan, args);
    struct stat namespace = namespace_of(&plan);
    apply_cgroups(&plan.cgroups);
    for (size_t i = 0; i < plan.move_count; i++)
        move_all(plan.moves[i], &namespace);
    return 0;
}

static void parse(struct plan *plan, struct args *args)
{
    char *option;
    while ((option = args_take(args)) != NULL) {
        if (target_option(&plan->target, option, args) || cgroup_option(&plan->cgroups, option, args))
            continue;
        if (strcmp(option, "--cgroup-move") == 0) {
            plan->moves = xgrow(plan->moves, plan->move_count, sizeof *plan->moves);
            plan->moves[plan->move_count++] = args_value(args, option);
        } else
            die("limit: %s: not an option", option);
    }
    if (!is_target(&plan->target))
        die("limit: --pid and --starttime are needed");
}

/* Of its processes. The start time is read last, so that it is about the same process. */
static struct stat namespace_of(const struct plan *plan)
{
    const struct target *target = &plan->target;
    char *path = xprintf("/proc/%d/ns/pid", (int)target->pid);
    struct stat status = {0};
    /* Only root may look at it, and only root moves processes. */
    if (stat(path, &status) < 0 && (errno == ENOENT || plan->move_count > 0))
        die_errno("process %d cannot be looked at", (int)target->pid);
    free(path);
    if (start_time(target->pid) != target->start)
        die("process %d is not the environment any more", (int)target->pid);
    return status;
}

/*
 * A child is born where its parent is, so that nobody is outside once a pass has found nobody. A second pass a moment
 * later is for those who were entering: they belong to the namespace only from a certain moment on.
 */
static void move_all(const char *group, const struct stat *namespace)
{
    enum { passes_most = 10000 };
    const struct timespec moment = {.tv_nsec = 20 * 1000 * 1000};
    unsigned quiet = 0;
    for (unsigned pass = 0; quiet < 2; pass++) {
        if (pass == passes_most)
            die("the control group %s does not get hold of all processes", group);
        quiet = move_outsiders(group, namespace) ? 0 : quiet + 1;
        if (quiet == 1)
            nanosleep(&moment, NULL);
    }
}

/* One pass; whether there was anybody outside. */
static bool move_outsiders(const char *group, const struct stat *namespace)
{
    char *path = xprintf("%s/cgroup.procs", group);
    struct buffer members = members_of(path);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    DIR *proc = opendir("/proc");
    if (file < 0 || proc == NULL)
        die_errno("the control group %s cannot be filled", group);
    bool found = false;
    struct dirent *entry;
    while ((entry = readdir(proc)) != NULL) {
        const char *pid = entry->d_name;
        if (!isdigit((unsigned char)pid[0]) || !is_member(dirfd(proc), pid, namespace) || has_line(members.data, pid))
            continue;
        if (write(file, pid, strlen(pid)) < 0 && errno != ESRCH)
            die_errno("process %s cannot be moved to the control group %s", pid, group);
        if (!is_dead(dirfd(proc), pid))
            found = true;
    }
    closedir(proc);
    close(file);
    buffer_free(&members);
    free(path);
    return found;
}

/* One that enters is outside itself, and only its children are inside. */
static bool is_member(int proc, const char *pid, const struct stat *namespace)
{
    static const char *const links[] = {"ns/pid", "ns/pid_for_children"};
    bool member = false;
    for (size_t i = 0; i < sizeof links / sizeof links[0] && !member; i++) {
        char *path = xprintf("%s/%s", pid, links[i]);
        struct stat status;
        member = fstatat(proc, path, &status, 0) == 0 && status.st_dev == namespace->st_dev &&
                 status.st_ino == namespace->st_ino;
        free(path);
    }
    return member;
}

/* A process that nobody has waited for is in no list of members. */
static bool is_dead(int proc, const char *pid)
{
    char *path = xprintf("%s/stat", pid);
    char text[512];
    ssize_t size = read_text(proc, path, text, sizeof text);
    free(path);
    const char *name_end = size < 0 ? NULL : strrchr(text, ')');
    return name_end == NULL || name_end[1] == '\0' || strchr("ZX", name_end[2]) != NULL;
}

static struct buffer members_of(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct buffer text = {0};
    ssize_t got;
    do {
        char *end = buffer_reserve(&text, 65536);
        if (fd < 0 || (got = read(fd, end, 65536)) < 0)
            die_errno("%s cannot be read", path);
        text.size += (size_t)got;
    } while (got > 0);
    text.data[text.size] = '\0';
    close(fd);
    return text;
}

static bool has_line(const char *text, const char *line)
{
    size_t length = strlen(line);
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n"), at += *at == '\n')
        if (strcspn(at, "\n") == length && strncmp(at, line, length) == 0)
            return true;
    return false;
}
