#include "init.h"

#include "../lib/util.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void end_all(unsigned grace_milliseconds);
static void reap(void);

void run_init(unsigned grace_milliseconds)
{
    sigset_t awaited;
    sigemptyset(&awaited);
    sigaddset(&awaited, SIGCHLD);
    sigaddset(&awaited, SIGTERM);
    if (sigprocmask(SIG_SETMASK, &awaited, NULL) < 0)
        die_errno("sigprocmask");
    for (;;) {
        int signal = sigwaitinfo(&awaited, NULL);
        if (signal == SIGCHLD)
            reap();
        if (signal == SIGTERM) {
            end_all(grace_milliseconds);
            _exit(0);
        }
    }
}

int reap_until(pid_t child)
{
    for (;;) {
        int status;
        pid_t pid = wait(&status);
        if (pid < 0 && errno != EINTR)
            die_errno("wait");
        if (pid == child)
            return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    }
}

/* What is left after the time of grace ends with this process: the kernel kills a namespace without its init. */
static void end_all(unsigned grace_milliseconds)
{
    const struct timespec moment = {.tv_nsec = 5 * 1000 * 1000};
    /* Interactive shells take no notice of SIGTERM; what is stopped hears nothing before SIGCONT. */
    (void)kill(-1, SIGTERM);
    (void)kill(-1, SIGHUP);
    (void)kill(-1, SIGCONT);
    for (unsigned waited = 0; waited < grace_milliseconds; waited += 5) {
        reap();
        if (kill(-1, 0) < 0 && errno == ESRCH)
            return;
        nanosleep(&moment, NULL);
    }
}

static void reap(void)
{
    while (waitpid(-1, NULL, WNOHANG) > 0) {
    }
}
