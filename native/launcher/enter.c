#include "enter.h"

#include "../lib/util.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The words that become the plan of `devenv-sandbox enter`. */
struct words {
    char **items;
    size_t count;
};

static void add(struct words *words, const char *word);
static void add_variables(struct words *words, const struct entry *entry);
static void add_command(struct words *words, const struct project *project, const struct request *request);
static char *directory_inside(const struct project *project);
static void run_hook(const struct project *project, const struct running *running, enum network network);
static void become_enter(const struct project *project, const struct running *running, const struct words *command,
                         bool with_parent, bool await_network);

void enter(const struct project *project, const struct running *running, enum network network,
           const struct request *request)
{
    if (request->kind == REQUEST_SHELL && project->entry.on_enter != NULL)
        run_hook(project, running, network);
    struct words command = {0};
    add_command(&command, project, request);
    /* A shell for a person is there at once, whether packets flow already or not. */
    bool beside = request->kind == REQUEST_SHELL && request->count == 0;
    become_enter(project, running, &command, false, network != NETWORK_READY && !beside);
}

/*
 * The program is the copy in memory that the environment's first process runs: what comes to light inside as
 * /proc/self/exe is then no file of the host (CVE-2019-5736), and nothing has to be copied. The plan is its environment,
 * which others cannot read as they can arguments.
 */
static void become_enter(const struct project *project, const struct running *running, const struct words *command,
                         bool with_parent, bool await_network)
{
    const struct entry *entry = &project->entry;
    struct words plan = {0};
    char program[64];
    snprintf(program, sizeof program, "/proc/%d/exe", (int)running->pid);
    add(&plan, "--pidfd");
    add(&plan, xprintf("%d", running->pidfd));
    if (with_parent)
        add(&plan, "--with-parent");
    add(&plan, "--network");
    add(&plan, entry->network);
    if (entry->network_file != NULL && await_network) {
        add(&plan, "--network-ready");
        add(&plan, entry->network_file);
    }
    for (size_t i = 0; i < entry->group_count; i++) {
        add(&plan, "--cgroup-join");
        add(&plan, entry->groups[i]);
    }
    if (entry->slice != NULL) {
        add(&plan, "--cgroup-scope");
        add(&plan, entry->manager);
        add(&plan, entry->slice);
    }
    add(&plan, "--uid");
    add(&plan, entry->uid);
    add(&plan, "--gid");
    add(&plan, entry->gid);
    add(&plan, "--cwd");
    add(&plan, directory_inside(project));
    add_variables(&plan, entry);
    add(&plan, "--");
    for (size_t i = 0; i < command->count; i++)
        add(&plan, command->items[i]);
    add(&plan, NULL);
    if (fcntl(running->pidfd, F_SETFD, 0) < 0)
        return;
    char *arguments[] = {"devenv-sandbox", "enter", "--environ", NULL};
    execve(program, arguments, plan.items);
}

static void add(struct words *words, const char *word)
{
    words->items = xgrow(words->items, words->count, sizeof *words->items);
    /* execve() takes pointers to what it does not change. */
    words->items[words->count++] = (char *)word;
}

static void add_variables(struct words *words, const struct entry *entry)
{
    for (size_t i = 0; i < entry->variable_count; i++) {
        const char *variable = entry->variables[i] + 1;
        const char *equals = strchr(variable, '=');
        char *own = NULL;
        if (entry->variables[i][0] == '?') {
            char *name = equals == NULL ? xprintf("%s", variable) : strndup(variable, (size_t)(equals - variable));
            own = name == NULL ? NULL : getenv(name);
            if (own != NULL && own[0] != '\0')
                variable = xprintf("%s=%s", name, own);
            else if (equals == NULL)
                continue;
        }
        add(words, "--env");
        add(words, variable);
    }
}

static void add_command(struct words *words, const struct project *project, const struct request *request)
{
    const struct entry *entry = &project->entry;
    if (request->kind == REQUEST_SHELL && request->count == 0)
        for (size_t i = 0; i < entry->login_count; i++)
            add(words, entry->login[i]);
    if (request->kind == REQUEST_TASK) {
        const char *command = entry_task(entry, request->task);
        add(words, "/bin/sh");
        add(words, "-c");
        add(words, request->count == 0 ? command : xprintf("%s \"$@\"", command));
        add(words, request->task);
    }
    for (size_t i = 0; i < request->count; i++)
        add(words, request->words[i]);
}

/* The project stands at /workspaces/NAME on every machine. */
static char *directory_inside(const struct project *project)
{
    size_t length = strcmp(project->root, "/") == 0 ? 0 : strlen(project->root);
    return xprintf("/workspaces/%s%s", project->entry.name,
                   strcmp(project->directory, project->root) == 0 ? "" : project->directory + length);
}

/* It reads nothing and prints on standard error; its failure is told and keeps nobody out. */
static void run_hook(const struct project *project, const struct running *running, enum network network)
{
    const char *hook = project->entry.on_enter;
    /* Ctrl-C is for the hook, as in a shell's own start files. */
    const struct sigaction ignored = {.sa_handler = SIG_IGN};
    struct sigaction interrupt, quit;
    if (sigaction(SIGINT, &ignored, &interrupt) < 0 || sigaction(SIGQUIT, &ignored, &quit) < 0)
        die_errno("sigaction");
    pid_t child = fork();
    if (child < 0)
        die_errno("fork");
    if (child == 0) {
        struct words command = {0};
        int null = open("/dev/null", O_RDONLY);
        if (null < 0 || dup2(null, 0) < 0 || dup2(2, 1) < 0)
            die_errno("/dev/null");
        add(&command, "/bin/sh");
        add(&command, "-c");
        add(&command, hook);
        become_enter(project, running, &command, true, network != NETWORK_READY);
        die_errno("the environment cannot be entered");
    }
    int code = wait_exit_code(child);
    if (sigaction(SIGINT, &interrupt, NULL) < 0 || sigaction(SIGQUIT, &quit, NULL) < 0)
        die_errno("sigaction");
    if (code != 0)
        fprintf(stderr, "the hook onEnter ended with exit code %d: %s\n", code, hook);
}
