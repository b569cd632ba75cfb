#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *program_beside(const char *name);

/* The installed `devenv`: runs the Node program that lies beside it. */
int main(int argc, char **argv)
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

static char *program_beside(const char *name)
{
    static char path[PATH_MAX + 64];
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
    if (length < 0)
        return NULL;
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
        errno = ENOENT;
        return NULL;
    }
    snprintf(slash + 1, 64, "%s", name);
    return path;
}
