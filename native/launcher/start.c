#include "start.h"

#include "../lib/util.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static int take_lock(const struct project *project);
static bool run_plan(const struct project *project, const char *sandbox);
__attribute__((noreturn)) static void become_sandbox(const struct project *project, const char *sandbox);

bool start_again(struct project *project, const char *sandbox, struct running *running)
{
    if (!project->entry.can_start)
        return false;
    int lock = take_lock(project);
    if (lock < 0)
        return false;
    close(project->file);
    /* Whoever had the lock may have changed everything, or started it. */
    bool runs = read_entry(project) &&
                (find_running(project, running) ||
                 (project->entry.can_start && has_same_sources(project) && has_same_inputs(project) &&
                  run_plan(project, sandbox) && find_running(project, running)));
    close(lock);
    return runs;
}

/* The lock that Node holds by way of flock(1). Waiting, and telling of it, is Node's. */
static int take_lock(const struct project *project)
{
    char path[PATH_MAX + 64];
    snprintf(path, sizeof path, "%s/locks/environment-%s", project->store, project->key);
    int lock = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0600);
    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0)
        return lock;
    if (lock >= 0)
        close(lock);
    return -1;
}

static bool run_plan(const struct project *project, const char *sandbox)
{
    if (lseek(project->file, (off_t)project->entry.plan, SEEK_SET) < 0)
        return false;
    pid_t child = fork();
    if (child == 0)
        become_sandbox(project, sandbox);
    return child > 0 && wait_exit_code(child) == 0;
}

/* What goes wrong is told by Node, which tries it again. */
static void become_sandbox(const struct project *project, const char *sandbox)
{
    const char *path = getenv("PATH");
    char number[16];
    snprintf(number, sizeof number, "%d", project->file);
    char *words[] = {"devenv-sandbox", "run", "--args", number, NULL};
    /* It needs to find newuidmap; nothing else of the caller's is any of its business. */
    char *environment[] = {xprintf("PATH=%s:/usr/sbin:/usr/bin:/sbin:/bin", path == NULL ? "" : path), NULL};
    int null = open("/dev/null", O_RDWR);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
        fcntl(project->file, F_SETFD, 0) < 0)
        _exit(1);
    execve(sandbox, words, environment);
    _exit(1);
}
