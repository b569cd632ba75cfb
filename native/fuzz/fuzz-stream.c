#include "../lib/stream.h"

#include <stdlib.h>
#include <string.h>

/*
 * A byte that chooses the compression, one for the size of the pieces in which the rest comes, then the data. It must
 * make no difference in how many pieces something comes.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { enough = 1 << 20 };

struct pieces {
    const uint8_t *data;
    size_t left, step;
};

static ssize_t next_piece(void *context, const uint8_t **piece, struct fail *why)
{
    struct pieces *pieces = context;
    size_t size = pieces->left < pieces->step ? pieces->left : pieces->step;
    (void)why;
    *piece = pieces->data;
    pieces->data += size;
    pieces->left -= size;
    return (ssize_t)size;
}

/* How much came out, at most `enough`; -1 when it is damaged. */
static ssize_t drain(struct stream *stream, uint8_t *into, size_t step)
{
    struct fail why;
    size_t have = 0;
    ssize_t got = 1;
    while (have < enough && (got = stream_read(stream, into + have, step < enough - have ? step : enough - have, &why)) > 0)
        have += (size_t)got;
    stream_close(stream);
    return got < 0 ? -1 : (ssize_t)have;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum compression known[] = {COMPRESSION_GZIP, COMPRESSION_ZSTD, COMPRESSION_NONE, COMPRESSION_XZ};
    static uint8_t whole[enough], parts[enough];
    struct fail why;
    if (size < 2)
        return 0;
    enum compression compression = known[data[0] % 4];
    struct pieces pieces = {data + 2, size - 2, (size_t)data[1] + 1};
    ssize_t expected = drain(stream_open(compression, data + 2, size - 2, &why), whole, enough);
    ssize_t got = drain(stream_open_source(compression, (struct source){next_piece, &pieces}, &why), parts, 1000);
    /* Damage behind what is enough is seen by the one and not by the other. */
    if (got == enough || expected == enough)
        return 0;
    if (got != expected || (got > 0 && memcmp(whole, parts, (size_t)got) != 0))
        abort();
    return 0;
}
