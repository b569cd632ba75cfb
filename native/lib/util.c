#include "util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int message_fd = STDERR_FILENO;
const char *program_name = "devenv";
int failure_code = EXIT_SANDBOX;

static void print_message(const char *format, va_list arguments, const char *reason);

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments, NULL);
    va_end(arguments);
    _exit(failure_code);
}

void die_errno(const char *format, ...)
{
    const char *reason = strerror(errno);
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments, reason);
    va_end(arguments);
    _exit(failure_code);
}

void die_plainly(char *text)
{
    for (char *next = text; *next != '\0'; next++)
        if ((unsigned char)*next < ' ' || *next == 0x7f)
            *next = '?';
    die("%s", text);
}

void complain(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    print_message(format, arguments, NULL);
    va_end(arguments);
}

void *xcalloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (memory == NULL)
        die("memory is used up");
    return memory;
}

void *xgrow(void *array, size_t count, size_t size)
{
    /* Room doubles at each power of two, so that appending stays linear. */
    if (count != 0 && (count & (count - 1)) != 0)
        return array;
    void *memory = reallocarray(array, count == 0 ? 1 : count * 2, size);
    if (memory == NULL)
        die("memory is used up");
    return memory;
}

char *xprintf(const char *format, ...)
{
    char *text;
    va_list arguments;
    va_start(arguments, format);
    int length = vasprintf(&text, format, arguments);
    va_end(arguments);
    if (length < 0)
        die("memory is used up");
    return text;
}

void args_read(struct args *args, int fd)
{
    size_t size = 0;
    size_t capacity = 65536;
    char *data = xcalloc(1, capacity);
    for (;;) {
        if (size == capacity) {
            capacity *= 2;
            data = realloc(data, capacity);
            if (data == NULL)
                die("memory is used up");
        }
        ssize_t got = read(fd, data + size, capacity - size);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            die_errno("the plan cannot be read from descriptor %d", fd);
        if (got == 0)
            break;
        size += (size_t)got;
    }
    close(fd);
    if (size > 0 && data[size - 1] != '\0')
        die("the plan is cut off: its last argument has no end");
    for (size_t start = 0; start < size; start += strlen(data + start) + 1) {
        args->items = xgrow(args->items, args->count, sizeof *args->items);
        args->items[args->count++] = data + start;
    }
}

void args_of_command(struct args *args, int argc, char **argv)
{
    *args = (struct args){0};
    if (argc == 2 && strcmp(argv[0], "--args") == 0) {
        args_read(args, (int)number("--args", argv[1], 1023));
    } else {
        args->items = argv;
        args->count = (size_t)argc;
    }
    if (args->count >= 2 && strcmp(args->items[0], "--status") == 0) {
        message_fd = (int)number("--status", args->items[1], 1023);
        if (fcntl(message_fd, F_SETFD, FD_CLOEXEC) < 0)
            die_errno("--status %d", message_fd);
        args->next = 2;
    }
}

char *args_take(struct args *args)
{
    return args->next < args->count ? args->items[args->next++] : NULL;
}

char *args_value(struct args *args, const char *option)
{
    char *value = args_take(args);
    if (value == NULL)
        die("%s: a value is missing", option);
    return value;
}

uint64_t args_number(struct args *args, const char *option, uint64_t most)
{
    return number(option, args_value(args, option), most);
}

mode_t args_mode(struct args *args, const char *option)
{
    const char *text = args_value(args, option);
    if (text[0] == '\0' || strlen(text) > 5 || strspn(text, "01234567") != strlen(text))
        die("%s %s: not a mode in octal", option, text);
    return (mode_t)strtoul(text, NULL, 8) & 07777;
}

uint64_t number(const char *what, const char *text, uint64_t most)
{
    if (text[0] == '\0' || strlen(text) > 19 || strspn(text, "0123456789") != strlen(text))
        die("%s %s: not a number", what, text);
    uint64_t value = strtoull(text, NULL, 10);
    if (value > most)
        die("%s %s: larger than %llu", what, text, (unsigned long long)most);
    return value;
}

int open_store(const char *path)
{
    int store = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (store < 0)
        die_errno("the store %s cannot be opened", path);
    return store;
}

ssize_t read_text(int directory, const char *path, char *text, size_t size)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    size_t used = 0;
    while (used < size - 1) {
        ssize_t got = read(fd, text + used, size - 1 - used);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0) {
            int saved = errno;
            close(fd);
            errno = saved;
            return -1;
        }
        if (got == 0)
            break;
        used += (size_t)got;
    }
    close(fd);
    text[used] = '\0';
    return (ssize_t)used;
}

ssize_t read_short_text(int directory, const char *path, char *text, size_t size)
{
    int fd = openat(directory, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t got = read(fd, text, size - 1);
    int saved = errno;
    close(fd);
    errno = saved;
    if (got >= 0)
        text[got] = '\0';
    return got;
}

int write_all(int fd, const void *data, size_t size)
{
    const char *next = data;
    while (size > 0) {
        ssize_t wrote = write(fd, next, size);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote < 0)
            return -1;
        next += wrote;
        size -= (size_t)wrote;
    }
    return 0;
}

int wait_exit_code(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            die_errno("waiting for process %d", (int)pid);
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void print_message(const char *format, va_list arguments, const char *reason)
{
    char text[2048];
    snprintf(text, sizeof text, "%s: ", program_name);
    size_t used = strlen(text);
    /* One byte stays free for the end of the line. */
    vsnprintf(text + used, sizeof text - used - 1, format, arguments);
    used = strlen(text);
    if (reason != NULL)
        snprintf(text + used, sizeof text - used - 1, ": %s", reason);
    used = strlen(text);
    text[used++] = '\n';
    /* Nobody is left to tell when this fails. */
    (void)!write(message_fd, text, used);
}
