#include "made.h"

#include "../lib/util.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct made_name {
    ino_t directory;
    char *name;
};

static struct made_name *find(struct made_name *slots, size_t capacity, ino_t directory, const char *name);
static void grow(struct made *made);

size_t made_add(struct made *made, ino_t directory, const char *name)
{
    if (2 * made->count >= made->capacity)
        grow(made);
    struct made_name *slot = find(made->slots, made->capacity, directory, name);
    if (slot->name != NULL)
        return 0;
    *slot = (struct made_name){directory, xprintf("%s", name)};
    made->count++;
    /* At most a quarter of the table is in use after it grew. */
    return 4 * sizeof *slot + strlen(name) + 1;
}

bool made_has(const struct made *made, ino_t directory, const char *name)
{
    return made->capacity > 0 && find(made->slots, made->capacity, directory, name)->name != NULL;
}

void made_free(struct made *made)
{
    for (size_t i = 0; i < made->capacity; i++)
        free(made->slots[i].name);
    free(made->slots);
    *made = (struct made){0};
}

/* Open addressing in a table whose size is a power of two; FNV-1a over the name, begun with the directory. */
static struct made_name *find(struct made_name *slots, size_t capacity, ino_t directory, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u ^ (uint64_t)directory * 0x9e3779b97f4a7c15u;
    for (const char *next = name; *next != '\0'; next++)
        hash = (hash ^ (unsigned char)*next) * 0x100000001b3u;
    size_t index = (size_t)(hash >> 20) & (capacity - 1);
    while (slots[index].name != NULL && (slots[index].directory != directory || strcmp(slots[index].name, name) != 0))
        index = (index + 1) & (capacity - 1);
    return &slots[index];
}

static void grow(struct made *made)
{
    size_t capacity = made->capacity == 0 ? 256 : 2 * made->capacity;
    struct made_name *slots = xcalloc(capacity, sizeof *slots);
    for (size_t i = 0; i < made->capacity; i++)
        if (made->slots[i].name != NULL)
            *find(slots, capacity, made->slots[i].directory, made->slots[i].name) = made->slots[i];
    free(made->slots);
    made->slots = slots;
    made->capacity = capacity;
}
