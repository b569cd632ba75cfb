#include "project.h"

#include "../lib/process.h"
#include "../lib/sha256.h"
#include "../lib/syscalls.h"
#include "../lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

static bool find_root(struct project *project, char stamp[STAMP_SIZE]);
static bool find_store(char store[PATH_MAX]);
static bool join_path(char path[PATH_MAX], const char *directory, const char *name);
static bool is_same(const char *file, const char *recorded, bool (*stamp)(const char *, char *));
static bool stamp_of(const char *path, char *stamp);
static bool input_stamp_of(const char *path, char *stamp);
static void write_stamp(const struct stat *status, char *stamp);

bool find_project(struct project *project)
{
    char configuration[STAMP_SIZE];
    project->file = -1;
    if (!find_root(project, configuration) || !find_store(project->store))
        return false;
    struct sha256 hash;
    char digest[65];
    sha256_start(&hash);
    sha256_update(&hash, project->root, strlen(project->root));
    sha256_finish_hex(&hash, digest);
    memcpy(project->key, digest, sizeof project->key - 1);
    project->key[sizeof project->key - 1] = '\0';
    return read_entry(project) && strcmp(project->entry.configuration, configuration) == 0;
}

bool read_entry(struct project *project)
{
    char path[PATH_MAX + 32];
    char lock[STAMP_SIZE];
    struct fail why;
    snprintf(path, sizeof path, "%s/entries/%s", project->store, project->key);
    project->file = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
    if (project->file < 0)
        return false;
    ssize_t size = read(project->file, project->data, sizeof project->data);
    if (size < 0 || entry_parse(&project->entry, project->data, (size_t)size, &why) < 0)
        return false;
    if (strcmp(project->entry.project, project->root) != 0)
        return false;
    return join_path(path, project->root, "devenv.lock") && stamp_of(path, lock) &&
           strcmp(project->entry.lock, lock) == 0;
}

bool has_same_sources(const struct project *project)
{
    for (size_t i = 0; i < project->entry.source_count; i++) {
        const char *source = project->entry.sources[i];
        if (!is_same(source, strchr(source, '='), stamp_of))
            return false;
    }
    return true;
}

bool has_same_inputs(const struct project *project)
{
    if (project->entry.has_patterns)
        return false;
    for (size_t i = 0; i < project->entry.input_count; i++) {
        const char *input = project->entry.inputs[i];
        if (!is_same(input, strrchr(input, '='), input_stamp_of))
            return false;
    }
    return true;
}

/* `recorded` is where in "PATH=STAMP" the stamp begins. */
static bool is_same(const char *file, const char *recorded, bool (*stamp)(const char *, char *))
{
    char path[PATH_MAX];
    char now[INPUT_STAMP_SIZE];
    if (recorded == NULL || (size_t)(recorded - file) >= sizeof path)
        return false;
    memcpy(path, file, (size_t)(recorded - file));
    path[recorded - file] = '\0';
    if (!stamp(path, now)) {
        if (errno != ENOENT)
            return false;
        now[0] = '\0';
    }
    return strcmp(now, recorded + 1) == 0;
}

bool find_running(const struct project *project, struct running *running)
{
    char boot[BOOT_ID_SIZE];
    char path[PATH_MAX];
    char text[64];
    int end = 0;
    int pid;
    unsigned long long start;
    if (boot_id(boot) < 0 || snprintf(path, sizeof path, "%s%s", project->entry.pid_file, boot) >= (int)sizeof path)
        return false;
    if (read_short_text(AT_FDCWD, path, text, sizeof text) < 0 ||
        sscanf(text, "%d %llu\n%n", &pid, &start, &end) != 2 || text[end] != '\0' || pid <= 1 || start == 0)
        return false;
    running->pid = (pid_t)pid;
    running->pidfd = sys_pidfd_open(running->pid);
    if (running->pidfd < 0)
        return false;
    /* What the number says is about the process of the descriptor only if that is still the recorded one. */
    if (start_time(running->pid) == start)
        return true;
    close(running->pidfd);
    return false;
}

enum network network_of(const struct project *project)
{
    const char *file = project->entry.network_file;
    if (file == NULL)
        return NETWORK_READY;
    enum network found = NETWORK_READY;
    int fd = openat(AT_FDCWD, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        char *starting = xprintf("%s.starting", file);
        fd = openat(AT_FDCWD, starting, O_RDONLY | O_CLOEXEC);
        free(starting);
        found = NETWORK_STARTING;
    }
    /* Whoever looks after it holds the lock, and nobody else. The descriptor ends with what this process does next. */
    return fd < 0 || flock(fd, LOCK_SH | LOCK_NB) == 0 ? NETWORK_LOST : found;
}

/* The nearest directory with a configuration, at or above the present one. */
static bool find_root(struct project *project, char stamp[STAMP_SIZE])
{
    if (getcwd(project->directory, sizeof project->directory) == NULL || project->directory[0] != '/')
        return false;
    strcpy(project->root, project->directory);
    for (;;) {
        char path[PATH_MAX];
        struct stat status;
        if (!join_path(path, project->root, "devenv.jsonc"))
            return false;
        int got = stat(path, &status);
        if (got == 0 && S_ISREG(status.st_mode)) {
            write_stamp(&status, stamp);
            return true;
        }
        /* That there is none, or what is wrong on the way, is Node's to tell. */
        if ((got < 0 && errno != ENOENT && errno != ENOTDIR) || project->root[1] == '\0')
            return false;
        char *slash = strrchr(project->root, '/');
        slash[slash == project->root ? 1 : 0] = '\0';
    }
}

/* As src/store/store.ts has it, which also knows what to do without HOME or with a relative path. */
static bool find_store(char store[PATH_MAX])
{
    const char *own = getenv("DEVENV_STORE");
    if (own != NULL && own[0] != '\0')
        return own[0] == '/' && snprintf(store, PATH_MAX, "%s", own) < PATH_MAX;
    const char *data = getenv("XDG_DATA_HOME");
    if (data != NULL && data[0] == '/')
        return join_path(store, data, "devenv");
    const char *home = getenv("HOME");
    return home != NULL && home[0] == '/' && join_path(store, home, ".local/share/devenv");
}

static bool join_path(char path[PATH_MAX], const char *directory, const char *name)
{
    const char *slash = strcmp(directory, "/") == 0 ? "" : "/";
    return snprintf(path, PATH_MAX, "%s%s%s", directory, slash, name) < PATH_MAX;
}

static bool stamp_of(const char *path, char *stamp)
{
    struct stat status;
    if (stat(path, &status) < 0)
        return false;
    write_stamp(&status, stamp);
    return true;
}

/* Links are inputs themselves, and so is the executable bit. */
static bool input_stamp_of(const char *path, char *stamp)
{
    struct stat status;
    if (lstat(path, &status) < 0)
        return false;
    write_stamp(&status, stamp);
    size_t length = strlen(stamp);
    snprintf(stamp + length, INPUT_STAMP_SIZE - length, " %u", (unsigned)status.st_mode);
    return true;
}

static void write_stamp(const struct stat *status, char *stamp)
{
    long long nanoseconds = (long long)status->st_mtim.tv_sec * 1000000000 + status->st_mtim.tv_nsec;
    snprintf(stamp, STAMP_SIZE, "%llu %llu %lld %lld", (unsigned long long)status->st_dev,
             (unsigned long long)status->st_ino, nanoseconds, (long long)status->st_size);
}
