#include "buffer.h"

#include "util.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->capacity - buffer->size <= more || buffer->data == NULL) {
        size_t capacity = buffer->capacity < 256 ? 256 : buffer->capacity;
        while (capacity - buffer->size <= more)
            capacity *= 2;
        char *data = realloc(buffer->data, capacity);
        if (data == NULL)
            die("memory is used up");
        buffer->data = data;
        buffer->capacity = capacity;
    }
    return buffer->data + buffer->size;
}

void buffer_append(struct buffer *buffer, const void *data, size_t size)
{
    char *end = buffer_reserve(buffer, size);
    if (size > 0)
        memcpy(end, data, size);
    end[size] = '\0';
    buffer->size += size;
}

void buffer_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text, strlen(text));
}

void buffer_format(struct buffer *buffer, const char *format, ...)
{
    for (size_t room = 128;;) {
        char *end = buffer_reserve(buffer, room);
        va_list arguments;
        va_start(arguments, format);
        int size = vsnprintf(end, room, format, arguments);
        va_end(arguments);
        if (size < 0)
            die("a text cannot be formatted");
        if ((size_t)size < room) {
            buffer->size += (size_t)size;
            return;
        }
        room = (size_t)size + 1;
    }
}

void buffer_clear(struct buffer *buffer)
{
    buffer->size = 0;
    if (buffer->data != NULL)
        buffer->data[0] = '\0';
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){0};
}

bool next_line(const char **text, const char *end, const char **line, size_t *length)
{
    if (*text >= end)
        return false;
    const char *newline = memchr(*text, '\n', (size_t)(end - *text));
    *line = *text;
    *length = (size_t)((newline == NULL ? end : newline) - *text);
    *text = newline == NULL ? end : newline + 1;
    return true;
}
