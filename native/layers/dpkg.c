#include "unpack.h"

#include "../lib/util.h"

#include <stdlib.h>
#include <string.h>

/* One file below triggers/ and the lines it gets. */
struct trigger_file {
    struct buffer name, text;
};

struct trigger_files {
    struct trigger_file *files;
    size_t count;
};

static bool field_of(const struct package *package, const char *name, const char **value, size_t *length);
static int check_stanza(const struct package *package, struct fail *why);
static int append_stanza(struct buffer *status, const struct package *package, struct fail *why);
static int append_triggers(struct trigger_files *files, const struct package *package, struct fail *why);
static int write_below(struct root *root, const char *name, const struct buffer *text, struct fail *why);

int dpkg_read_control(struct package *package, struct fail *why)
{
    const char *value;
    size_t length;
    if (check_stanza(package, why) < 0)
        return -1;
    if (!field_of(package, "Package", &value, &length) || length != strlen(package->name) ||
        memcmp(value, package->name, length) != 0)
        return fail(why, "control: the package is not %s, as locked", package->name);
    if (!field_of(package, "Architecture", &value, &length) || length != strlen(package->architecture) ||
        memcmp(value, package->architecture, length) != 0)
        return fail(why, "control: the architecture is not %s, as locked", package->architecture);
    buffer_text(&package->dpkg_name, package->name);
    if (field_of(package, "Multi-Arch", &value, &length) && length == 4 && memcmp(value, "same", 4) == 0)
        buffer_format(&package->dpkg_name, ":%s", package->architecture);
    return 0;
}

int dpkg_write_database(const struct unpacking *unpacking, struct root *root, struct fail *why)
{
    struct buffer status = {0}, format = {0}, empty = {0};
    struct trigger_files triggers = {0};
    int result = 0;
    buffer_text(&status, "");
    buffer_text(&format, "1\n");
    for (size_t i = 0; result == 0 && i < unpacking->package_count; i++) {
        const struct package *package = &unpacking->packages[i];
        result = append_stanza(&status, package, why);
        if (result == 0)
            result = append_triggers(&triggers, package, why);
        if (result < 0)
            fail_within(why, package->name);
    }
    if (result == 0)
        result = write_below(root, "status", &status, why);
    if (result == 0)
        result = write_below(root, "info/format", &format, why);
    /* Without this file dpkg takes the database for one from before triggers and registers every interest again. */
    if (result == 0)
        result = write_below(root, "triggers/Unincorp", &empty, why);
    for (size_t i = 0; i < triggers.count; i++) {
        if (result == 0)
            result = write_below(root, triggers.files[i].name.data, &triggers.files[i].text, why);
        buffer_free(&triggers.files[i].name);
        buffer_free(&triggers.files[i].text);
    }
    free(triggers.files);
    buffer_free(&status);
    buffer_free(&format);
    return result;
}

/* The value on the field's own line, without blanks around it. */
static bool field_of(const struct package *package, const char *name, const char **value, size_t *length)
{
    const char *text = package->control.data, *end = text + package->control.size, *line;
    size_t size, name_length = strlen(name);
    while (next_line(&text, end, &line, &size)) {
        if (size <= name_length || line[name_length] != ':' || strncasecmp(line, name, name_length) != 0)
            continue;
        *value = line + name_length + 1;
        *length = size - name_length - 1;
        while (*length > 0 && (**value == ' ' || **value == '\t'))
            (*value)++, (*length)--;
        while (*length > 0 && ((*value)[*length - 1] == ' ' || (*value)[*length - 1] == '\t'))
            (*length)--;
        return true;
    }
    return false;
}

/* One stanza, which must not bring what only dpkg writes: it goes into the status file as it is. */
static int check_stanza(const struct package *package, struct fail *why)
{
    static const char *const refused[] = {"Status", "Conffiles", "Config-Version", "Triggers-Pending",
                                          "Triggers-Awaited"};
    const char *text = package->control.data, *end = text + package->control.size, *line, *value;
    size_t length;
    bool ended = false;
    while (next_line(&text, end, &line, &length)) {
        bool empty = length == 0;
        if (ended && !empty)
            return fail(why, "control: more than one stanza");
        ended = ended || empty;
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        if (field_of(package, refused[i], &value, &length))
            return fail(why, "control: the field %s is refused", refused[i]);
    return 0;
}

/* As dpkg leaves a package between unpacking and configuring: every configuration file waits as FILE.dpkg-new. */
static int append_stanza(struct buffer *status, const struct package *package, struct fail *why)
{
    const char *text = package->control.data, *end = text + package->control.size, *line;
    size_t length;
    bool first = true;
    while (next_line(&text, end, &line, &length) && length > 0) {
        buffer_append(status, line, length);
        buffer_text(status, "\n");
        if (first)
            buffer_text(status, "Status: install ok unpacked\n");
        first = false;
    }
    text = package->conffiles.data;
    end = text == NULL ? NULL : text + package->conffiles.size;
    first = true;
    while (text != NULL && next_line(&text, end, &line, &length)) {
        static const char removal[] = "remove-on-upgrade ";
        bool removed = length > sizeof removal - 1 && strncmp(line, removal, sizeof removal - 1) == 0;
        if (removed)
            line += sizeof removal - 1, length -= sizeof removal - 1;
        while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
            length--;
        if (length == 0)
            continue;
        if (line[0] != '/')
            return fail(why, "conffiles: \"%.*s\" is not an absolute path", (int)(length > 200 ? 200 : length), line);
        if (first)
            buffer_text(status, "Conffiles:\n");
        first = false;
        buffer_text(status, " ");
        buffer_append(status, line, length);
        buffer_text(status, removed ? " newconffile remove-on-upgrade\n" : " newconffile\n");
    }
    buffer_text(status, "\n");
    return 0;
}

static struct trigger_file *trigger_file(struct trigger_files *files, const char *name, size_t length)
{
    struct buffer wanted = {0};
    buffer_text(&wanted, "triggers/");
    buffer_append(&wanted, name, length);
    for (size_t i = 0; i < files->count; i++)
        if (strcmp(files->files[i].name.data, wanted.data) == 0) {
            buffer_free(&wanted);
            return &files->files[i];
        }
    struct trigger_file *grown = reallocarray(files->files, files->count + 1, sizeof *grown);
    if (grown == NULL)
        die("memory is used up");
    files->files = grown;
    grown[files->count] = (struct trigger_file){.name = wanted};
    return &grown[files->count++];
}

static bool take_word(const char **line, size_t *length, const char **word, size_t *word_length)
{
    while (*length > 0 && (**line == ' ' || **line == '\t'))
        (*line)++, (*length)--;
    *word = *line;
    while (*length > 0 && **line != ' ' && **line != '\t')
        (*line)++, (*length)--;
    *word_length = (size_t)(*line - *word);
    return *word_length > 0;
}

/* deb-triggers(5). What a package is interested in is on record from its unpacking on. */
static int append_triggers(struct trigger_files *files, const struct package *package, struct fail *why)
{
    const char *text = package->triggers.data, *line, *word, *name;
    const char *end = text == NULL ? NULL : text + package->triggers.size;
    size_t length, word_length, name_length;
    while (text != NULL && next_line(&text, end, &line, &length)) {
        const char *comment = memchr(line, '#', length);
        if (comment != NULL)
            length = (size_t)(comment - line);
        if (!take_word(&line, &length, &word, &word_length))
            continue;
        if (!take_word(&line, &length, &name, &name_length))
            return fail(why, "triggers: \"%.*s\" without a trigger", (int)(word_length > 80 ? 80 : word_length), word);
        if (word_length >= 8 && memcmp(word, "activate", 8) == 0)
            continue;
        bool await = (word_length == 8 && memcmp(word, "interest", 8) == 0) ||
                     (word_length == 14 && memcmp(word, "interest-await", 14) == 0);
        if (!await && !(word_length == 16 && memcmp(word, "interest-noawait", 16) == 0))
            return fail(why, "triggers: unknown directive \"%.*s\"", (int)(word_length > 80 ? 80 : word_length), word);
        const char *suffix = await ? "" : "/noawait";
        if (name[0] == '/') {
            struct trigger_file *file = trigger_file(files, "File", 4);
            buffer_append(&file->text, name, name_length);
            buffer_format(&file->text, " %s%s\n", package->dpkg_name.data, suffix);
        } else {
            if (name[0] == '.' || memchr(name, '/', name_length) != NULL || name_length > 200)
                return fail(why, "triggers: the trigger name \"%.*s\" is refused",
                            (int)(name_length > 80 ? 80 : name_length), name);
            struct trigger_file *file = trigger_file(files, name, name_length);
            buffer_format(&file->text, "%s%s\n", package->dpkg_name.data, suffix);
        }
    }
    return 0;
}

static int write_below(struct root *root, const char *name, const struct buffer *text, struct fail *why)
{
    struct buffer path = {0};
    buffer_format(&path, "%s/%s", DPKG_DIRECTORY, name);
    int result = root_write_file(root, path.data, text->data, text->size, 0644, -1, why);
    buffer_free(&path);
    return result;
}
