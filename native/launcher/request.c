#include "request.h"

#include <string.h>

bool read_request(struct request *request, int argc, char **argv)
{
    *request = (struct request){0};
    if (argc < 2)
        return false;
    const char *command = argv[1];
    char **words = argv + 2;
    size_t count = (size_t)argc - 2;
    if (strcmp(command, "up") == 0) {
        request->kind = REQUEST_UP;
        return count == 0;
    }
    if (strcmp(command, "shell") == 0 && count == 0) {
        request->kind = REQUEST_SHELL;
        return true;
    }
    if (count == 0 || words[0][0] == '\0')
        return false;
    if (strcmp(command, "run") == 0) {
        *request = (struct request){.kind = REQUEST_TASK, .task = words[0], .words = words + 1, .count = count - 1};
        return words[0][0] != '-';
    }
    bool is_shell = strcmp(command, "shell") == 0;
    if (!is_shell && strcmp(command, "exec") != 0)
        return false;
    request->kind = is_shell ? REQUEST_SHELL : REQUEST_COMMAND;
    bool is_marked = strcmp(words[0], "--") == 0;
    request->words = words + (is_marked ? 1 : 0);
    request->count = count - (is_marked ? 1 : 0);
    return request->count > 0 && (is_marked || words[0][0] != '-');
}
