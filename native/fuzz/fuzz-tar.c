#include "../lib/tar.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* An uncompressed tar as bytes. Whatever it says, a path that comes out must be one that cannot leave the root. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_path(const char *path)
{
    if (path[0] == '/' || strlen(path) > 4095)
        abort();
    while (*path != '\0') {
        size_t length = strcspn(path, "/");
        if (length == 0 || length > 255 || (length == 1 && path[0] == '.') ||
            (length == 2 && path[0] == '.' && path[1] == '.'))
            abort();
        path += length + (path[length] == '/');
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fail why;
    const struct tar_entry *entry;
    const uint8_t *piece;
    uint64_t read = 0;
    ssize_t got;
    struct stream *stream = stream_open(COMPRESSION_NONE, data, size, &why);
    struct tar *tar = tar_open(stream);
    while (tar_next(tar, &entry, &why) > 0) {
        check_path(entry->path);
        if (entry->type == TAR_HARDLINK)
            check_path(entry->link);
        if (entry->mtime < 0 || entry->mode > 07777)
            abort();
        for (size_t i = 0; i < entry->xattr_count; i++)
            if (strlen(entry->xattrs[i].name) > size || entry->xattrs[i].size > size)
                abort();
        while ((got = tar_content(tar, &piece, &why)) > 0)
            read += (uint64_t)got;
        if (read > size)
            abort();
    }
    tar_close(tar);
    stream_close(stream);
    return 0;
}
