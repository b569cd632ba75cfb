#include "../lib/deb.h"
#include "../lib/tar.h"

#include <stdint.h>
#include <string.h>

static int read_member(const struct deb_member *member);

/* A whole .deb as bytes: ar, decompression, both tars read to the end. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct deb deb;
    struct fail why;
    if (deb_open(&deb, data, size, &why) < 0)
        return 0;
    if (read_member(&deb.control) == 0)
        read_member(&deb.data);
    return 0;
}

static int read_member(const struct deb_member *member)
{
    enum { enough = 1 << 24 };
    struct fail why;
    const struct tar_entry *entry;
    const uint8_t *piece;
    size_t total = 0;
    ssize_t size = 0;
    int got = -1;
    struct stream *stream = stream_open(member->compression, member->data, member->size, &why);
    if (stream == NULL)
        return -1;
    struct tar *tar = tar_open(stream);
    while (tar != NULL && total < enough && (got = tar_next(tar, &entry, &why)) > 0)
        while (total < enough && (size = tar_content(tar, &piece, &why)) > 0)
            total += (size_t)size;
    tar_close(tar);
    stream_close(stream);
    return got;
}
