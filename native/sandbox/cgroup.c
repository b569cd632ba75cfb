#include "cgroup.h"

#include "scope.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void make_group(const char *path);
static void write_value(const char *path, const char *value);
static void join_group(const char *path);
static bool holds(const char *written, char *found);
static bool has_line(const char *text, const char *beginning);
static bool has_word(const char *text, const char *word);

bool cgroup_option(struct cgroup_plan *plan, const char *option, struct args *args)
{
    struct cgroup_step step;
    if (strcmp(option, "--cgroup-make") == 0)
        step = (struct cgroup_step){.kind = CGROUP_MAKE};
    else if (strcmp(option, "--cgroup-write") == 0)
        step = (struct cgroup_step){.kind = CGROUP_WRITE};
    else if (strcmp(option, "--cgroup-join") == 0)
        step = (struct cgroup_step){.kind = CGROUP_JOIN};
    else if (strcmp(option, "--cgroup-scope") == 0)
        step = (struct cgroup_step){.kind = CGROUP_SCOPE};
    else
        return false;
    step.path = args_value(args, option);
    if (step.kind == CGROUP_WRITE || step.kind == CGROUP_SCOPE)
        step.value = args_value(args, option);
    plan->steps = xgrow(plan->steps, plan->count, sizeof *plan->steps);
    plan->steps[plan->count++] = step;
    return true;
}

void apply_cgroups(const struct cgroup_plan *plan)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct cgroup_step *step = &plan->steps[i];
        if (step->kind == CGROUP_MAKE)
            make_group(step->path);
        else if (step->kind == CGROUP_WRITE)
            write_value(step->path, step->value);
        else if (step->kind == CGROUP_SCOPE)
            enter_scope(step->path, step->value);
        else
            join_group(step->path);
    }
}

static void make_group(const char *path)
{
    char *part = xprintf("%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        /* Directories above the user's own are there, and often not writable. */
        if (access(part, F_OK) < 0 && mkdir(part, 0755) < 0 && errno != EEXIST)
            die_errno("the control group %s cannot be made", part);
        *slash = '/';
    }
    if (mkdir(part, 0755) < 0 && errno != EEXIST)
        die_errno("the control group %s cannot be made", path);
    free(part);
}

static void write_value(const char *path, const char *value)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write_all(fd, value, strlen(value)) < 0)
        die_errno("%s: %s cannot be written", path, value);
    close(fd);
    char found[4096];
    if (read_text(AT_FDCWD, path, found, sizeof found) < 0)
        die_errno("%s cannot be read back", path);
    if (!holds(value, found))
        die("%s: %s was written, but it reads %s", path, value, found);
}

static void join_group(const char *path)
{
    char *file = xprintf("%s/cgroup.procs", path);
    int fd = open(file, O_WRONLY | O_CLOEXEC);
    /* "0" is the process that writes (cgroups(7)). */
    if (fd < 0 || write_all(fd, "0", 1) < 0)
        die_errno("the control group %s cannot be joined", path);
    close(fd);
    free(file);
}

/*
 * The kernel rounds sizes down to pages, shows -1 as the largest number and "+name" as "name", and the devices of io.max
 * line by line, with more keys than were written and without those that have no limit any more.
 */
static bool holds(const char *written, char *found)
{
    if (strstr(written, "bps=") != NULL)
        return has_line(found, written) || strstr(written, "rbps=max wbps=max") != NULL;
    found[strcspn(found, "\n")] = '\0';
    if (written[0] == '+')
        return has_word(found, written + 1);
    if (written[0] == '-' || strcmp(written, found) == 0)
        return true;
    if (!isdigit((unsigned char)written[0]) || strspn(written, "0123456789") != strlen(written))
        return false;
    unsigned long long page = (unsigned long long)sysconf(_SC_PAGESIZE);
    return strtoull(written, NULL, 10) / page * page == strtoull(found, NULL, 10);
}

/* Whether a line is, or goes on behind a blank from, this beginning. */
static bool has_line(const char *text, const char *beginning)
{
    size_t length = strlen(beginning);
    for (const char *line = text; *line != '\0'; line += strcspn(line, "\n"), line += *line == '\n')
        if (strncmp(line, beginning, length) == 0 && strchr(" \n", line[length]) != NULL)
            return true;
    return false;
}

static bool has_word(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *at = text; *at != '\0'; at += strcspn(at, " "), at += strspn(at, " "))
        if (strcspn(at, " ") == length && strncmp(at, word, length) == 0)
            return true;
    return false;
}
