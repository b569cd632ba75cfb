#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** Exit code when the sandbox itself failed, as of docker, env and timeout. */
#define EXIT_SANDBOX 125

/** Where messages of the sandbox itself go: standard error, or what --status names. */
extern int message_fd;

/** What its messages begin with, and its exit code when it failed itself, EXIT_SANDBOX unless set. */
extern const char *program_name;
extern int failure_code;

/** Ends the process with failure_code after one line "PROGRAM: MESSAGE". */
__attribute__((noreturn, format(printf, 1, 2))) void die(const char *format, ...);

/** Like die(), with ": " and the text of errno behind the message. */
__attribute__((noreturn, format(printf, 1, 2))) void die_errno(const char *format, ...);

/** Like die() with a text in which others had a say: nothing in it breaks the line or steers the terminal. */
__attribute__((noreturn)) void die_plainly(char *text);

/** Prints one line like die() and goes on. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

void *xcalloc(size_t count, size_t size);
/** Grows an array of `size`-byte items so that one more than `count` fits; for arrays that only grow by one. */
void *xgrow(void *array, size_t count, size_t size);
__attribute__((format(printf, 1, 2))) char *xprintf(const char *format, ...);

/** The plan: a vector of arguments that is read from front to back. */
struct args {
    char **items;
    size_t count;
    size_t next;
};

/** Reads a NUL-separated vector from a descriptor and closes it. */
void args_read(struct args *args, int fd);
/**
 * The vector of a command line behind the verb, or with "--args N" that of descriptor N. "--status N" at its beginning
 * becomes message_fd.
 */
void args_of_command(struct args *args, int argc, char **argv);
/** The next argument, or NULL at the end. */
char *args_take(struct args *args);
/** The value of an option; ends the process when there is none. */
char *args_value(struct args *args, const char *option);
uint64_t args_number(struct args *args, const char *option, uint64_t most);
/** Like args_number(), written in octal as for chmod. */
mode_t args_mode(struct args *args, const char *option);

/** The whole number `text` is; ends the process when it is none or larger than `most`. */
uint64_t number(const char *what, const char *text, uint64_t most);

/** Opens the store as the user who called, before any namespace. */
int open_store(const char *path);

/** All of a small file as text, at most `size` - 1 bytes. Returns -1 with errno set. */
ssize_t read_text(int directory, const char *path, char *text, size_t size);
/** Like read_text() with one read, for what comes whole: short files of /proc, files that say themselves where they end. */
ssize_t read_short_text(int directory, const char *path, char *text, size_t size);
/** Writes everything, whatever is interrupted; -1 with errno set. */
int write_all(int fd, const void *data, size_t size);
/** Waits for a child and gives its exit code, 128 + n when signal n ended it. */
int wait_exit_code(pid_t pid);
