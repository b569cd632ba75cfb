#include "pty.h"

#include "../lib/syscalls.h"
#include "../lib/util.h"

#include <errno.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>

static void wait_for_foreground(void);
static void copy_input(struct terminal *terminal);
static void flush_input(struct terminal *terminal);
static bool copy_output(struct terminal *terminal);
static void hang_up(struct terminal *terminal);

void open_terminal(struct terminal *terminal, uid_t owner)
{
    *terminal = (struct terminal){.master = -1, .slave = -1};
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return;
    wait_for_foreground();
    terminal->master = sys_openat2(AT_FDCWD, "/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, RESOLVE_NO_SYMLINKS);
    struct statfs system;
    if (terminal->master < 0 || fstatfs(terminal->master, &system) < 0)
        die_errno("a terminal cannot be opened in the environment");
    if (system.f_type != DEVPTS_SUPER_MAGIC)
        die("/dev/pts of the environment is not a devpts file system");
    int unlocked = 0;
    if (ioctl(terminal->master, TIOCSPTLCK, &unlocked) < 0)
        die_errno("TIOCSPTLCK");
    /* By descriptor: a name inside might lead to another file (CVE-2025-52565). */
    terminal->slave = ioctl(terminal->master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (terminal->slave < 0)
        die_errno("TIOCGPTPEER");
    if (fchown(terminal->slave, owner, (gid_t)-1) < 0)
        die_errno("the owner of the terminal cannot be set");
    /* The modes of the terminal outside, such as UTF-8 erasing, are the ones inside. */
    if (tcgetattr(STDIN_FILENO, &terminal->before) < 0)
        die_errno("tcgetattr");
    if (tcsetattr(terminal->slave, TCSANOW, &terminal->before) < 0)
        die_errno("tcsetattr");
    terminal->used = true;
    terminal->input_open = true;
    resize_terminal(terminal);
}

void use_terminal(const struct terminal *terminal)
{
    if (!terminal->used)
        return;
    if (ioctl(terminal->slave, TIOCSCTTY, 0) < 0)
        die_errno("TIOCSCTTY");
    bool errors = isatty(STDERR_FILENO) == 1;
    if (dup2(terminal->slave, STDIN_FILENO) < 0 || dup2(terminal->slave, STDOUT_FILENO) < 0 ||
        (errors && dup2(terminal->slave, STDERR_FILENO) < 0))
        die_errno("dup2");
}

void start_relay(struct terminal *terminal)
{
    if (!terminal->used)
        return;
    struct termios raw = terminal->before;
    cfmakeraw(&raw);
    if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw) < 0)
        die_errno("tcsetattr");
}

void relay_once(struct terminal *terminal, int signals)
{
    bool pending = terminal->pending_end > terminal->pending_start;
    struct pollfd files[] = {
        {.fd = signals, .events = POLLIN},
        {.fd = terminal->input_open && !pending ? STDIN_FILENO : -1, .events = POLLIN},
        {.fd = terminal->master, .events = (short)(POLLIN | (pending ? POLLOUT : 0))},
    };
    if (poll(files, 3, -1) < 0)
        return;
    if ((files[2].revents & POLLOUT) != 0)
        flush_input(terminal);
    if ((files[2].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && !copy_output(terminal))
        hang_up(terminal);
    if ((files[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0)
        copy_input(terminal);
}

void finish_relay(struct terminal *terminal)
{
    if (!terminal->used)
        return;
    /* Programs in the background may hold the terminal open, so only what is there already. */
    while (terminal->master >= 0) {
        struct pollfd file = {.fd = terminal->master, .events = POLLIN};
        if (poll(&file, 1, 0) <= 0 || (file.revents & POLLIN) == 0 || !copy_output(terminal))
            break;
    }
    /* The terminal may be gone, and then nothing is to be restored. */
    (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &terminal->before);
}

void resize_terminal(struct terminal *terminal)
{
    struct winsize size;
    if (terminal->used && terminal->master >= 0 && ioctl(STDIN_FILENO, TIOCGWINSZ, &size) == 0)
        (void)ioctl(terminal->master, TIOCSWINSZ, &size);
}

/* Stops as any program does that wants the terminal while another job has it. */
static void wait_for_foreground(void)
{
    /* Nobody stops, and nobody would wake, a job that its shell has left behind: hence not for ever. */
    for (unsigned attempt = 0; attempt < 100; attempt++) {
        pid_t foreground = tcgetpgrp(STDIN_FILENO);
        if (foreground < 0 || foreground == getpgrp())
            return;
        if (kill(0, SIGTTIN) < 0)
            die_errno("SIGTTIN");
    }
}

static void copy_input(struct terminal *terminal)
{
    ssize_t got = read(STDIN_FILENO, terminal->pending, sizeof terminal->pending);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (got <= 0) {
        /* In raw mode this is no Ctrl-D: the terminal outside was closed, and the one inside hears of it. */
        terminal->input_open = false;
        hang_up(terminal);
        return;
    }
    terminal->pending_start = 0;
    terminal->pending_end = (size_t)got;
    flush_input(terminal);
}

static void flush_input(struct terminal *terminal)
{
    if (terminal->master < 0)
        return;
    ssize_t wrote = write(terminal->master, terminal->pending + terminal->pending_start,
                          terminal->pending_end - terminal->pending_start);
    if (wrote > 0)
        terminal->pending_start += (size_t)wrote;
}

/* False when the terminal inside has no user any more. */
static bool copy_output(struct terminal *terminal)
{
    char data[16384];
    ssize_t got = read(terminal->master, data, sizeof data);
    if (got < 0 && (errno == EINTR || errno == EAGAIN))
        return true;
    if (got <= 0)
        return false;
    for (ssize_t sent = 0; sent < got;) {
        ssize_t wrote = write(STDOUT_FILENO, data + sent, (size_t)(got - sent));
        if (wrote > 0)
            sent += wrote;
        else if (errno == EAGAIN)
            poll(&(struct pollfd){.fd = STDOUT_FILENO, .events = POLLOUT}, 1, -1);
        else if (errno != EINTR)
            return false;
    }
    return true;
}

static void hang_up(struct terminal *terminal)
{
    terminal->input_open = false;
    if (terminal->master >= 0)
        close(terminal->master);
    terminal->master = -1;
}
