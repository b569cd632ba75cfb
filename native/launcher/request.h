#pragma once

#include <stdbool.h>
#include <stddef.h>

/* What a command line asks for, as far as Node is not needed to make sense of it. */
struct request {
    enum request_kind { REQUEST_UP, REQUEST_SHELL, REQUEST_COMMAND, REQUEST_TASK } kind;
    /** Of a task: its name. */
    const char *task;
    /** The command, or further words of a task; of a shell: none is the login shell. */
    char **words;
    size_t count;
};

/** False when Node has to look at it: an option, a mistake, another command. */
bool read_request(struct request *request, int argc, char **argv);
