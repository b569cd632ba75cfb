#include "verbs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

static void run_from_copy(char **argv);

/**
 * devenv-sandbox VERB [ARGUMENT…]. Instead of arguments, "--args N": they come from descriptor N, NUL after each; or
 * "--environ": they are the environment, which only this user can read in /proc, and this program is the copy in
 * memory that an environment's first process runs (the launcher's way).
 */
int main(int argc, char **argv)
{
    program_name = "devenv-sandbox";
    if (argc < 2)
        die("a verb is needed: run, enter, limit, network");
    struct args args = {0};
    const char *verb = argv[1];
    if (argc == 3 && strcmp(argv[2], "--environ") == 0) {
        for (char **word = environ; *word != NULL; word++)
            args.count++;
        args.items = environ;
        /* What it says is then what the user reads, as Node would have put it. */
        program_name = "error";
        failure_code = 1;
    } else {
        run_from_copy(argv);
        args_of_command(&args, argc - 2, argv + 2);
    }
    /* Else the process is called like the number of a descriptor. */
    if (prctl(PR_SET_NAME, "devenv-sandbox") < 0)
        die_errno("PR_SET_NAME");
    if (strcmp(verb, "run") == 0)
        return cmd_run(&args);
    if (strcmp(verb, "enter") == 0)
        return cmd_enter(&args);
    if (strcmp(verb, "network") == 0)
        return cmd_network(&args);
    if (strcmp(verb, "limit") == 0)
        return cmd_limit(&args);
    die("%s: not a verb", verb);
}

/*
 * Goes on in a copy that is in memory only. A command inside may be a link to /proc/self/exe, or a script for it, and
 * what comes to light then is not to be the file on the host, which may belong to the developer (CVE-2019-5736).
 */
static void run_from_copy(char **argv)
{
    const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
    int own = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (own < 0 || fstat(own, &status) < 0)
        die_errno("/proc/self/exe cannot be opened");
    int present = fcntl(own, F_GET_SEALS);
    if (present >= 0 && (present & seals) == seals) {
        close(own);
        return;
    }
    int copy = memfd_create("devenv-sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    /* Before Linux 6.3 nothing has to be said about execution. */
    if (copy < 0 && errno == EINVAL)
        copy = memfd_create("devenv-sandbox", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (copy < 0)
        die_errno("no program can be put into memory (sysctl vm.memfd_noexec must be 0 or 1)");
    void *program = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, own, 0);
    if (program == MAP_FAILED || write_all(copy, program, (size_t)status.st_size) < 0)
        die_errno("/proc/self/exe cannot be copied");
    if (fcntl(copy, F_ADD_SEALS, seals) < 0)
        die_errno("the copy of /proc/self/exe cannot be sealed");
    fexecve(copy, argv, environ);
    die_errno("the copy of /proc/self/exe cannot be started");
}

bool network_is_own(const char *network)
{
    if (strcmp(network, "host") == 0)
        return false;
    if (strcmp(network, "none") != 0 && strcmp(network, "private") != 0)
        die("--network %s: not host, none or private", network);
    return true;
}
