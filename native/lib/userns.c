#include "userns.h"

#include "buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static struct id_map parse_map(const char *option, const char *text);
static pid_t start_helper(const struct id_maps *maps, int *go);
static void write_map(pid_t pid, const char *file, const struct id_map *maps, size_t count);
static void run_mapper(const char *program, pid_t pid, const struct id_map *maps, size_t count);

bool id_maps_option(struct id_maps *maps, const char *option, struct args *args)
{
    if (strcmp(option, "--uid-map") == 0) {
        maps->uids = xgrow(maps->uids, maps->uid_count, sizeof *maps->uids);
        maps->uids[maps->uid_count++] = parse_map(option, args_value(args, option));
        return true;
    }
    if (strcmp(option, "--gid-map") == 0) {
        maps->gids = xgrow(maps->gids, maps->gid_count, sizeof *maps->gids);
        maps->gids[maps->gid_count++] = parse_map(option, args_value(args, option));
        return true;
    }
    return false;
}

void enter_user_namespace(const struct id_maps *maps)
{
    if (maps->uid_count == 0 || maps->gid_count == 0)
        die("--uid-map and --gid-map are needed");
    int go;
    pid_t helper = start_helper(maps, &go);
    if (unshare(CLONE_NEWUSER) < 0)
        die_errno("a user namespace cannot be made");
    if (write_all(go, "", 1) < 0)
        die_errno("the helper that writes the identity map is gone");
    close(go);
    int code = wait_exit_code(helper);
    if (code != 0)
        _exit(code);
}

void become_namespace_root(void)
{
    if (setgroups(0, NULL) < 0)
        die_errno("setgroups");
    if (setresgid(0, 0, 0) < 0)
        die_errno("setresgid 0");
    if (setresuid(0, 0, 0) < 0)
        die_errno("setresuid 0");
}

void enter_mapped_userns(const struct id_maps *maps)
{
    pid_t parent = getppid();
    enter_user_namespace(maps);
    become_namespace_root();
    /* A change of identity clears it, so it comes last. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        die_errno("PR_SET_PDEATHSIG");
    if (getppid() != parent)
        _exit(EXIT_SANDBOX);
}

static struct id_map parse_map(const char *option, const char *text)
{
    char part[3][16];
    int end = 0;
    if (sscanf(text, "%15[0-9]:%15[0-9]:%15[0-9]%n", part[0], part[1], part[2], &end) != 3 || text[end] != '\0')
        die("%s %s: not INSIDE:OUTSIDE:COUNT", option, text);
    struct id_map map = {
        .inside = (uint32_t)number(option, part[0], UINT32_MAX - 1),
        .outside = (uint32_t)number(option, part[1], UINT32_MAX - 1),
        .count = (uint32_t)number(option, part[2], UINT32_MAX - 1),
    };
    return map;
}

/* The maps must be written from outside the new namespace, so a helper stays behind and waits for one byte. */
static pid_t start_helper(const struct id_maps *maps, int *go)
{
    pid_t target = getpid();
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        die_errno("pipe");
    pid_t helper = fork();
    if (helper < 0)
        die_errno("fork");
    if (helper > 0) {
        close(ends[0]);
        *go = ends[1];
        return helper;
    }
    close(ends[1]);
    char byte;
    if (read(ends[0], &byte, 1) != 1)
        _exit(EXIT_SANDBOX);
    if (geteuid() == 0) {
        write_map(target, "gid_map", maps->gids, maps->gid_count);
        write_map(target, "uid_map", maps->uids, maps->uid_count);
    } else {
        pid_t groups = fork();
        if (groups < 0)
            die_errno("fork");
        if (groups == 0)
            run_mapper("newgidmap", target, maps->gids, maps->gid_count);
        int code = wait_exit_code(groups);
        if (code == 0)
            run_mapper("newuidmap", target, maps->uids, maps->uid_count);
        _exit(code);
    }
    _exit(0);
}

static void write_map(pid_t pid, const char *file, const struct id_map *maps, size_t count)
{
    struct buffer text = {0};
    for (size_t i = 0; i < count; i++)
        buffer_format(&text, "%u %u %u\n", maps[i].inside, maps[i].outside, maps[i].count);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        die_errno("%s", path);
    /* The kernel takes a map in one write only. */
    if (write(fd, text.data, text.size) != (ssize_t)text.size)
        die_errno("%s of the user namespace cannot be written", file);
    close(fd);
    buffer_free(&text);
}

static void run_mapper(const char *program, pid_t pid, const struct id_map *maps, size_t count)
{
    char **argv = xcalloc(count * 3 + 3, sizeof *argv);
    size_t used = 0;
    argv[used++] = xprintf("%s", program);
    argv[used++] = xprintf("%d", (int)pid);
    for (size_t i = 0; i < count; i++) {
        argv[used++] = xprintf("%u", maps[i].inside);
        argv[used++] = xprintf("%u", maps[i].outside);
        argv[used++] = xprintf("%u", maps[i].count);
    }
    if (message_fd != STDERR_FILENO && dup2(message_fd, STDERR_FILENO) < 0)
        die_errno("dup2");
    execvp(program, argv);
    die_errno("%s cannot be started (Debian and Ubuntu: package uidmap)", program);
}
