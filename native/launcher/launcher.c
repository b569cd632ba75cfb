#include "enter.h"
#include "start.h"

#include "../lib/util.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void do_without_node(const struct request *request);
static int become_node(int argc, char **argv);
static char *program_beside(const char *name);

/**
 * The installed `devenv`: what needs nothing but a look at what the last `up` recorded is done here; everything else,
 * and whatever is not exactly as recorded, by the Node program that lies beside it, which does the same in the same words.
 */
int main(int argc, char **argv)
{
    struct request request;
    if (read_request(&request, argc, argv) && getenv("DEVENV_DEBUG") == NULL && getenv("DEVENV_BACKEND") == NULL)
        do_without_node(&request);
    return become_node(argc, argv);
}

/* Returns when Node has to do it. */
static void do_without_node(const struct request *request)
{
    static struct project project;
    struct running running;
    if (!find_project(&project))
        return;
    if (request->kind == REQUEST_TASK && entry_task(&project.entry, request->task) == NULL)
        return;
    bool runs = find_running(&project, &running);
    enum network network = runs ? network_of(&project) : NETWORK_STARTING;
    /* Node gives it another one. */
    if (network == NETWORK_LOST)
        return;
    if (request->kind == REQUEST_UP) {
        if (!runs || !has_same_inputs(&project))
            return;
        char *line = xprintf("%s is up to date and running\n", project.entry.name);
        _exit(write_all(STDOUT_FILENO, line, strlen(line)) < 0 ? 1 : 0);
    }
    if (!runs) {
        const char *sandbox = program_beside("devenv-sandbox");
        if (sandbox == NULL || !start_again(&project, sandbox, &running))
            return;
    }
    enter(&project, &running, network, request);
}

static int become_node(int argc, char **argv)
{
    char *program = program_beside("devenv.mjs");
    char **arguments = calloc((size_t)argc + 2, sizeof *arguments);
    if (program == NULL || arguments == NULL) {
        fprintf(stderr, "devenv: its own directory cannot be found: %s\n", strerror(errno));
        return 1;
    }
    if (access(program, R_OK) < 0) {
        fprintf(stderr, "devenv: %s: %s. The installation is damaged; install devenv again.\n", program, strerror(errno));
        return 1;
    }
    arguments[0] = "node";
    arguments[1] = program;
    for (int i = 1; i < argc; i++)
        arguments[i + 1] = argv[i];
    execvp("node", arguments);
    if (errno == ENOENT)
        fprintf(stderr, "devenv: Node.js 20 or newer is needed, and no \"node\" is in PATH. See https://nodejs.org.\n");
    else
        fprintf(stderr, "devenv: node cannot be started: %s\n", strerror(errno));
    return 1;
}

/* NULL with errno set. */
static char *program_beside(const char *name)
{
    char path[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length < 0)
        return NULL;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        errno = ENOENT;
        return NULL;
    }
    *slash = '\0';
    return xprintf("%s/%s", path, name);
}
