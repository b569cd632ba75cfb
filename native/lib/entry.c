#include "entry.h"

#include "util.h"

#include <string.h>

struct list {
    const char ***items;
    size_t *count;
};

static const char *take_word(const char *data, size_t size, size_t *at);
static const char **text_of(struct entry *entry, const char *key);
static struct list list_of(struct entry *entry, const char *key);
static bool is_number(const char *text);

int entry_parse(struct entry *entry, const char *data, size_t size, struct fail *why)
{
    size_t at = 0;
    *entry = (struct entry){0};
    const char *version = take_word(data, size, &at);
    if (version == NULL || strcmp(version, "devenv-entry-1") != 0)
        return fail(why, "not an entry file of this version");
    for (;;) {
        const char *key = take_word(data, size, &at);
        if (key == NULL)
            return fail(why, "the entry file is cut off");
        if (strcmp(key, "plan") == 0)
            break;
        const char *value = take_word(data, size, &at);
        if (value == NULL)
            return fail(why, "the entry file is cut off");
        const char **text = text_of(entry, key);
        struct list list = list_of(entry, key);
        if (text != NULL && *text != NULL)
            return fail(why, "the entry file has two values of a kind");
        if (text != NULL)
            *text = value;
        else if (list.items != NULL) {
            *list.items = xgrow(*list.items, *list.count, sizeof **list.items);
            (*list.items)[(*list.count)++] = value;
        } else if (strcmp(key, "start") == 0)
            entry->can_start = strcmp(value, "yes") == 0;
        else if (strcmp(key, "patterns") == 0)
            entry->has_patterns = strcmp(value, "yes") == 0;
        else
            return fail(why, "the entry file has something unknown");
    }
    entry->plan = at;
    if (entry->name == NULL || entry->project == NULL || entry->configuration == NULL || entry->lock == NULL ||
        entry->pid_file == NULL || entry->network == NULL || entry->uid == NULL || entry->gid == NULL ||
        entry->login_count == 0 || (entry->slice == NULL) != (entry->manager == NULL))
        return fail(why, "the entry file is incomplete");
    if (!is_number(entry->uid) || !is_number(entry->gid))
        return fail(why, "the entry file has an id that is none");
    return 0;
}

const char *entry_task(const struct entry *entry, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < entry->task_count; i++)
        if (strncmp(entry->tasks[i], name, length) == 0 && entry->tasks[i][length] == '=')
            return entry->tasks[i] + length + 1;
    return NULL;
}

static const char *take_word(const char *data, size_t size, size_t *at)
{
    const char *word = data + *at;
    const char *end = memchr(word, '\0', size - *at);
    if (end == NULL)
        return NULL;
    *at += (size_t)(end - word) + 1;
    return word;
}

static const char **text_of(struct entry *entry, const char *key)
{
    const struct {
        const char *key;
        const char **text;
    } known[] = {
        {"name", &entry->name},         {"project", &entry->project},   {"configuration", &entry->configuration},
        {"lock", &entry->lock},         {"pid-file", &entry->pid_file}, {"uid", &entry->uid},
        {"gid", &entry->gid},           {"network", &entry->network},   {"on-enter", &entry->on_enter},
        {"network-file", &entry->network_file}, {"slice", &entry->slice}, {"manager", &entry->manager},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(key, known[i].key) == 0)
            return known[i].text;
    return NULL;
}

static struct list list_of(struct entry *entry, const char *key)
{
    const struct {
        const char *key;
        struct list list;
    } known[] = {
        {"source", {&entry->sources, &entry->source_count}},
        {"input", {&entry->inputs, &entry->input_count}},
        {"group", {&entry->groups, &entry->group_count}},
        {"login", {&entry->login, &entry->login_count}},
        {"variable", {&entry->variables, &entry->variable_count}},
        {"task", {&entry->tasks, &entry->task_count}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(key, known[i].key) == 0)
            return known[i].list;
    return (struct list){0};
}

static bool is_number(const char *text)
{
    size_t length = strlen(text);
    return length > 0 && length <= 10 && strspn(text, "0123456789") == length;
}
