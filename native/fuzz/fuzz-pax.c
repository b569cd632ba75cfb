#include "../lib/pax.h"

#include <stdlib.h>
#include <string.h>

/* The text of an extended header, as of one entry and as a global one. What it says must lie within the text. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *copy_of(const uint8_t *data, size_t size)
{
    /* Of its own size, so that the sanitizer sees who reads behind it. */
    char *text = malloc(size + (size == 0));
    if (text == NULL)
        abort();
    memcpy(text, data, size);
    return text;
}

static void check_within(const char *text, size_t size, const char *part, size_t part_size)
{
    if (part < text || part_size >= size || part + part_size >= text + size || part[part_size] != '\0')
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint64_t most = UINT64_C(999999999999999999);
    struct overrides next = {0};
    struct fail why;
    char *text = copy_of(data, size);
    int result = pax_parse(&next, text, size, &why);
    if (result == 0) {
        for (size_t i = 0; i < next.xattr_count; i++) {
            check_within(text, size, next.xattrs[i].name, strlen(next.xattrs[i].name));
            check_within(text, size, next.xattrs[i].value, next.xattrs[i].size);
        }
        if ((next.has_path && memchr(next.path.data, '\0', next.path.size) != NULL) ||
            (next.has_link && memchr(next.link.data, '\0', next.link.size) != NULL) || next.mtime < 0 ||
            next.nanoseconds > 999999999 || next.size > most || next.uid > most || next.gid > most)
            abort();
    }
    overrides_reset(&next);
    if (next.has_path || next.has_size || next.xattr_count != 0)
        abort();
    overrides_free(&next);
    free(text);

    char *global = copy_of(data, size);
    bool taken = pax_check_global(global, size, &why) == 0;
    free(global);
    /* A global header says nothing that an entry's own does not take as well. */
    if (taken && result < 0)
        abort();
    return 0;
}
