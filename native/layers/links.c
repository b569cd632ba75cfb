#include "../lib/util.h"
#include "links.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct link_slot {
    ino_t inode;
    char *path;
};

static struct link_slot *find(struct link_slot *slots, size_t capacity, ino_t inode);
static void grow(struct links *links);

const char *links_first(struct links *links, ino_t inode, const char *path)
{
    if (2 * links->count >= links->capacity)
        grow(links);
    struct link_slot *slot = find(links->slots, links->capacity, inode);
    if (slot->path != NULL)
        return slot->path;
    *slot = (struct link_slot){inode, strdup(path)};
    if (slot->path == NULL)
        die("memory is used up");
    links->count++;
    return NULL;
}

void links_free(struct links *links)
{
    for (size_t i = 0; i < links->capacity; i++)
        free(links->slots[i].path);
    free(links->slots);
    *links = (struct links){0};
}

/* Open addressing in a table whose size is a power of two; Knuth's multiplicative hash. */
static struct link_slot *find(struct link_slot *slots, size_t capacity, ino_t inode)
{
    size_t index = (size_t)((uint64_t)inode * 0x9e3779b97f4a7c15u >> 20) & (capacity - 1);
    while (slots[index].path != NULL && slots[index].inode != inode)
        index = (index + 1) & (capacity - 1);
    return &slots[index];
}

static void grow(struct links *links)
{
    size_t capacity = links->capacity == 0 ? 256 : 2 * links->capacity;
    struct link_slot *slots = calloc(capacity, sizeof *slots);
    if (slots == NULL)
        die("memory is used up");
    for (size_t i = 0; i < links->capacity; i++)
        if (links->slots[i].path != NULL)
            *find(slots, capacity, links->slots[i].inode) = links->slots[i];
    free(links->slots);
    links->slots = slots;
    links->capacity = capacity;
}
