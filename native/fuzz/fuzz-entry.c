#include "../lib/entry.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* The entry file. What is taken must lie in what was given, each with its end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const char *word, const uint8_t *data, size_t size)
{
    const char *start = (const char *)data;
    if (word == NULL || word < start || word >= start + size || memchr(word, 0, (size_t)(start + size - word)) == NULL)
        abort();
}

static void check_all(const char **words, size_t count, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < count; i++)
        check(words[i], data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct entry entry;
    struct fail why;
    if (entry_parse(&entry, (const char *)data, size, &why) == 0) {
        if (entry.plan > size)
            abort();
        check(entry.name, data, size);
        check(entry.project, data, size);
        check(entry.pid_file, data, size);
        if (entry.slice != NULL) {
            check(entry.slice, data, size);
            check(entry.manager, data, size);
        }
        check_all(entry.sources, entry.source_count, data, size);
        check_all(entry.inputs, entry.input_count, data, size);
        check_all(entry.groups, entry.group_count, data, size);
        check_all(entry.login, entry.login_count, data, size);
        check_all(entry.variables, entry.variable_count, data, size);
        check_all(entry.tasks, entry.task_count, data, size);
        (void)entry_task(&entry, "test");
    }
    free(entry.sources);
    free(entry.inputs);
    free(entry.groups);
    free(entry.login);
    free(entry.variables);
    free(entry.tasks);
    return 0;
}
