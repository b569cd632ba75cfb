#include "unpack.h"

#include "../lib/deb.h"
#include "../lib/md5.h"
#include "../lib/sha256.h"
#include "../lib/tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    /* The largest control files of the archive, symbols and templates, stay below 2 MiB. */
    control_file_limit = 32 * 1024 * 1024,
};

struct info_file {
    char *name;
    mode_t mode;
    int64_t mtime;
    struct buffer text;
};

struct info_files {
    struct info_file *files;
    size_t count;
};

static uint8_t *read_whole(const struct package *package, struct fail *why);
static int check_digest(const struct package *package, const uint8_t *data, struct fail *why);
static int unpack_control(struct package *package, const struct deb *deb, struct root *root, struct fail *why);
static int read_control_tar(struct tar *tar, struct info_files *files, struct fail *why);
static int take_control_files(struct package *package, struct info_files *files, struct root *root, struct fail *why);
static int unpack_data(const struct unpacking *unpacking, struct package *package, const struct deb *deb,
                       struct root *root, struct fail *why);
static int unpack_entry(const struct unpacking *unpacking, struct package *package, const struct tar_entry *entry,
                        struct tar *tar, struct root *root, struct fail *why);
static bool is_conffile(const struct package *package, const char *path);
static int write_info(struct package *package, const char *name, const struct buffer *text, mode_t mode, int64_t mtime,
                      struct root *root, struct fail *why);

int unpack_package(const struct unpacking *unpacking, struct package *package, struct root *root, struct fail *why)
{
    struct deb deb;
    uint8_t *data = read_whole(package, why);
    if (data == NULL)
        return -1;
    int result = check_digest(package, data, why);
    if (result == 0)
        result = deb_open(&deb, data, package->size, why);
    if (result == 0 && (result = unpack_control(package, &deb, root, why)) < 0)
        fail_within(why, "control.tar");
    if (result == 0 && (result = unpack_data(unpacking, package, &deb, root, why)) < 0)
        fail_within(why, "data.tar");
    free(data);
    return result;
}

static uint8_t *read_whole(const struct package *package, struct fail *why)
{
    uint8_t *data = malloc(package->size + 1);
    uint64_t have = 0;
    if (data == NULL) {
        fail(why, "out of memory");
        return NULL;
    }
    while (have < package->size) {
        ssize_t got = pread(package->fd, data + have, package->size - have, (off_t)have);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0) {
            if (got < 0)
                fail_errno(why, "%s cannot be read", package->file);
            else
                fail(why, "%s became shorter while it was read", package->file);
            free(data);
            return NULL;
        }
        have += (uint64_t)got;
    }
    return data;
}

static int check_digest(const struct package *package, const uint8_t *data, struct fail *why)
{
    struct sha256 hash;
    char text[65];
    sha256_start(&hash);
    sha256_update(&hash, data, package->size);
    sha256_finish_hex(&hash, text);
    if (strcmp(text, package->sha256) != 0)
        return fail(why, "%s has SHA-256 %s, not %s as locked", package->file, text, package->sha256);
    return 0;
}

static struct tar *open_member(const struct deb_member *member, struct stream **stream, struct fail *why)
{
    *stream = stream_open(member->compression, member->data, member->size, why);
    if (*stream == NULL)
        return NULL;
    struct tar *tar = tar_open(*stream);
    if (tar == NULL) {
        stream_close(*stream);
        fail(why, "out of memory");
    }
    return tar;
}

static int unpack_control(struct package *package, const struct deb *deb, struct root *root, struct fail *why)
{
    struct stream *stream;
    struct info_files files = {0};
    struct tar *tar = open_member(&deb->control, &stream, why);
    if (tar == NULL)
        return -1;
    int result = read_control_tar(tar, &files, why);
    if (result == 0)
        result = take_control_files(package, &files, root, why);
    for (size_t i = 0; i < files.count; i++) {
        free(files.files[i].name);
        buffer_free(&files.files[i].text);
    }
    free(files.files);
    tar_close(tar);
    stream_close(stream);
    return result;
}

static int read_control_tar(struct tar *tar, struct info_files *files, struct fail *why)
{
    const struct tar_entry *entry;
    int got;
    while ((got = tar_next(tar, &entry, why)) > 0) {
        if (entry->type == TAR_DIRECTORY && entry->path[0] == '\0')
            continue;
        if (entry->type != TAR_FILE || strspn(entry->path, "abcdefghijklmnopqrstuvwxyz0123456789-_.+") !=
                                           strlen(entry->path))
            return fail(why, "%s: a control member must be a file with a simple name", entry->path);
        if (entry->size > control_file_limit)
            return fail(why, "%s: a control file of %llu bytes is refused", entry->path,
                        (unsigned long long)entry->size);
        struct info_file *grown = reallocarray(files->files, files->count + 1, sizeof *grown);
        if (grown == NULL)
            return fail(why, "out of memory");
        files->files = grown;
        struct info_file *file = &grown[files->count++];
        *file = (struct info_file){.name = strdup(entry->path), .mode = entry->mode, .mtime = entry->mtime};
        if (file->name == NULL)
            return fail(why, "out of memory");
        const uint8_t *piece;
        ssize_t size;
        buffer_text(&file->text, "");
        while ((size = tar_content(tar, &piece, why)) > 0)
            buffer_append(&file->text, piece, (size_t)size);
        if (size < 0)
            return -1;
    }
    return got;
}

static int take_control_files(struct package *package, struct info_files *files, struct root *root, struct fail *why)
{
    for (size_t i = 0; i < files->count; i++) {
        struct info_file *file = &files->files[i];
        struct buffer *kept = strcmp(file->name, "control") == 0     ? &package->control
                              : strcmp(file->name, "conffiles") == 0 ? &package->conffiles
                              : strcmp(file->name, "triggers") == 0  ? &package->triggers
                                                                     : NULL;
        if (strcmp(file->name, "md5sums") == 0)
            package->has_md5sums = true;
        if (strcmp(file->name, "list") == 0)
            return fail(why, "list: this name belongs to dpkg");
        if (kept == NULL)
            continue;
        if (strlen(file->text.data) != file->text.size)
            return fail(why, "%s: a NUL byte is refused", file->name);
        buffer_clear(kept);
        buffer_append(kept, file->text.data, file->text.size);
    }
    if (package->control.data == NULL)
        return fail(why, "the control file is missing");
    if (dpkg_read_control(package, why) < 0)
        return -1;
    for (size_t i = 0; i < files->count; i++) {
        struct info_file *file = &files->files[i];
        if (strcmp(file->name, "control") != 0 &&
            write_info(package, file->name, &file->text, file->mode, file->mtime, root, why) < 0)
            return -1;
    }
    return 0;
}

static int unpack_data(const struct unpacking *unpacking, struct package *package, const struct deb *deb,
                       struct root *root, struct fail *why)
{
    struct stream *stream;
    const struct tar_entry *entry;
    struct tar *tar = open_member(&deb->data, &stream, why);
    if (tar == NULL)
        return -1;
    int got;
    while ((got = tar_next(tar, &entry, why)) > 0)
        if (unpack_entry(unpacking, package, entry, tar, root, why) < 0) {
            got = -1;
            break;
        }
    tar_close(tar);
    stream_close(stream);
    if (got == 0)
        got = write_info(package, "list", &package->list, 0644, -1, root, why);
    /* dpkg makes the sums itself for a package that brings none. */
    if (got == 0 && !package->has_md5sums)
        got = write_info(package, "md5sums", &package->md5sums, 0644, -1, root, why);
    return got;
}

static void hash_content(void *context, const uint8_t *piece, size_t size)
{
    md5_update(context, piece, size);
}

static const struct merged_link *merged_link_of(const struct unpacking *unpacking, const char *path)
{
    size_t length = strcspn(path, "/");
    for (size_t i = 0; i < unpacking->link_count; i++)
        if (strlen(unpacking->links[i].link) == length && strncmp(unpacking->links[i].link, path, length) == 0)
            return &unpacking->links[i];
    return NULL;
}

/* The same directory must have one name, so that the first package that ships it decides its mode, as with dpkg. */
static int remember_directory(struct package *package, const struct merged_link *link, const struct tar_entry *entry,
                              struct fail *why)
{
    if (package->directory_count == package->directory_capacity) {
        size_t capacity = package->directory_capacity == 0 ? 64 : 2 * package->directory_capacity;
        struct directory *grown = reallocarray(package->directories, capacity, sizeof *grown);
        if (grown == NULL)
            return fail(why, "out of memory");
        package->directories = grown;
        package->directory_capacity = capacity;
    }
    struct buffer path = {0};
    buffer_text(&path, link == NULL ? "" : link->target);
    buffer_text(&path, link == NULL ? entry->path : entry->path + strlen(link->link));
    package->directories[package->directory_count++] =
        (struct directory){path.data, entry->uid, entry->gid, entry->mode, entry->mtime, entry->nanoseconds};
    return 0;
}

static void remember_sum(struct package *package, const struct tar_entry *entry, struct md5 *hash)
{
    char text[33];
    if (entry->type == TAR_FILE) {
        md5_finish_hex(hash, text);
    } else {
        struct buffer line = {0};
        buffer_format(&line, "  %s\n", entry->link);
        const char *found = package->md5sums.data == NULL ? NULL : strstr(package->md5sums.data, line.data);
        buffer_free(&line);
        if (found == NULL)
            return;
        memcpy(text, found - 32, 32);
        text[32] = '\0';
    }
    buffer_format(&package->md5sums, "%s  %s\n", text, entry->path);
}

static int unpack_entry(const struct unpacking *unpacking, struct package *package, const struct tar_entry *entry,
                        struct tar *tar, struct root *root, struct fail *why)
{
    if (strchr(entry->path, '\n') != NULL)
        return fail(why, "%s: a name with a line break is refused", entry->path);
    buffer_format(&package->list, "/%s\n", entry->path[0] == '\0' ? "." : entry->path);

    const struct merged_link *link = merged_link_of(unpacking, entry->path);
    bool is_link_itself = link != NULL && strchr(entry->path, '/') == NULL;
    if (entry->type == TAR_DIRECTORY && remember_directory(package, link, entry, why) < 0)
        return -1;
    if (is_link_itself && entry->type == TAR_DIRECTORY)
        return 0;
    if (is_link_itself && entry->type == TAR_SYMLINK && strcmp(entry->link, link->target) == 0)
        return 0;

    char rename[NAME_MAX + 1];
    bool conffile = entry->type != TAR_DIRECTORY && is_conffile(package, entry->path);
    if (conffile) {
        const char *slash = strrchr(entry->path, '/');
        const char *name = slash == NULL ? entry->path : slash + 1;
        if (entry->type != TAR_FILE)
            return fail(why, "/%s: a configuration file that is not a file is refused", entry->path);
        if (strlen(name) + sizeof ".dpkg-new" > sizeof rename)
            return fail(why, "/%s: the name is too long", entry->path);
        strcpy(rename, name);
        strcat(rename, ".dpkg-new");
    }
    struct md5 hash;
    md5_start(&hash);
    struct root_hooks hooks = {hash_content, &hash};
    bool sums = !package->has_md5sums && (entry->type == TAR_FILE || entry->type == TAR_HARDLINK);
    if (root_make_entry(root, entry, conffile ? rename : NULL, tar, sums ? &hooks : NULL, why) < 0)
        return -1;
    if (sums)
        remember_sum(package, entry, &hash);
    return 0;
}

static bool is_conffile(const struct package *package, const char *path)
{
    const char *text = package->conffiles.data, *line;
    const char *end = text == NULL ? NULL : text + package->conffiles.size;
    size_t length, path_length = strlen(path);
    while (text != NULL && next_line(&text, end, &line, &length)) {
        while (length > 0 && (line[length - 1] == ' ' || line[length - 1] == '\t'))
            length--;
        if (length == path_length + 1 && line[0] == '/' && memcmp(line + 1, path, path_length) == 0)
            return true;
    }
    return false;
}

static int write_info(struct package *package, const char *name, const struct buffer *text, mode_t mode, int64_t mtime,
                      struct root *root, struct fail *why)
{
    struct buffer path = {0};
    buffer_format(&path, "%s/%s.%s", DPKG_INFO, package->dpkg_name.data, name);
    int result = root_write_file(root, path.data, text->data, text->size, mode, mtime, why);
    buffer_free(&path);
    return result;
}
