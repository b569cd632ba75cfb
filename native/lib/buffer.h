#pragma once

#include <stdbool.h>
#include <stddef.h>

/** A growing byte string, always followed by a NUL that `size` does not count. Starts as {0}. */
struct buffer {
    char *data;
    size_t size;
    size_t capacity;
};

/** Makes room for `more` bytes and returns where they go; ends the process when memory is used up. */
char *buffer_reserve(struct buffer *buffer, size_t more);
void buffer_append(struct buffer *buffer, const void *data, size_t size);
void buffer_text(struct buffer *buffer, const char *text);
__attribute__((format(printf, 2, 3))) void buffer_format(struct buffer *buffer, const char *format, ...);
void buffer_clear(struct buffer *buffer);
void buffer_free(struct buffer *buffer);

/** Takes the next line off the front of a text; the line is not NUL-terminated. False at the end. */
bool next_line(const char **text, const char *end, const char **line, size_t *length);
