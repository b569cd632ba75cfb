#include "fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int fail(struct fail *why, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    return -1;
}

int fail_errno(struct fail *why, const char *format, ...)
{
    int number = errno;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(why->text, sizeof why->text, format, arguments);
    va_end(arguments);
    size_t used = strlen(why->text);
    snprintf(why->text + used, sizeof why->text - used, ": %s", strerror(number));
    errno = number;
    return -1;
}

int fail_within(struct fail *why, const char *label)
{
    char inner[sizeof why->text];
    memcpy(inner, why->text, sizeof inner);
    int used = snprintf(why->text, sizeof why->text, "%s: ", label);
    if (used >= 0 && (size_t)used < sizeof why->text)
        snprintf(why->text + used, sizeof why->text - (size_t)used, "%s", inner);
    return -1;
}
