#include "scope.h"

#include "../lib/buffer.h"
#include "../lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 20
#define MESSAGE_MOST (1 << 20)

/* D-Bus specification, "Message Types" and "Header Fields". */
enum { METHOD_CALL = 1, ERROR = 3 };
enum { PATH = 1, INTERFACE = 2, MEMBER = 3, DESTINATION = 6, SIGNATURE = 8 };

struct message {
    unsigned char type;
    struct buffer body;
};

static int connect_manager(const char *runtime);
static void authenticate(int manager);
static void start_scope(int manager, const char *slice);
static void put_property(struct buffer *body, const char *name, const char *signature);
static void put_field(struct buffer *header, char code, const char *signature, const char *value);
static void put_string(struct buffer *buffer, const char *text);
static void put_signature(struct buffer *buffer, const char *signature);
static void put_number(struct buffer *buffer, uint32_t number);
static void set_number(struct buffer *buffer, size_t at, uint32_t number);
static void align(struct buffer *buffer, size_t boundary);
static void await_move(int manager, const char *slice);
static bool is_inside(const char *slice);
static struct message receive(int manager);
static void receive_all(int manager, void *data, size_t size);
static uint32_t number_at(const unsigned char *bytes);

void enter_scope(const char *runtime, const char *slice)
{
    int manager = connect_manager(runtime);
    authenticate(manager);
    start_scope(manager, slice);
    await_move(manager, slice);
    close(manager);
}

/* The socket that systemctl and systemd-run use: there is a manager without a message bus, but none without this. */
static int connect_manager(const char *runtime)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof address.sun_path, "%s/systemd/private", runtime);
    if (length < 0 || (size_t)length >= sizeof address.sun_path)
        die("%s: too long for a socket's path", runtime);
    int manager = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    if (manager < 0 || setsockopt(manager, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
        setsockopt(manager, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0 ||
        connect(manager, (struct sockaddr *)&address, sizeof address) < 0)
        die_errno("systemd's user manager cannot be reached at %s", address.sun_path);
    return manager;
}

/* D-Bus specification, "Authentication Protocol", EXTERNAL: the kernel says who is calling. */
static void authenticate(int manager)
{
    char user[16];
    snprintf(user, sizeof user, "%u", (unsigned)geteuid());
    struct buffer words = {0};
    buffer_append(&words, "", 1);
    buffer_text(&words, "AUTH EXTERNAL ");
    for (const char *digit = user; *digit != '\0'; digit++)
        buffer_format(&words, "%02x", (unsigned)*digit);
    buffer_text(&words, "\r\nBEGIN\r\n");
    if (write_all(manager, words.data, words.size) < 0)
        die_errno("systemd's user manager");
    buffer_free(&words);
    char answer[256];
    size_t size = 0;
    do
        receive_all(manager, answer + size++, 1);
    while (answer[size - 1] != '\n' && size < sizeof answer);
    if (strncmp(answer, "OK ", 3) != 0 || answer[size - 1] != '\n')
        die("systemd's user manager takes no calls of user %s", user);
}

/*
 * StartTransientUnit(name, mode, properties, units besides). With Delegate= a process that is killed at the limit does not
 * take the others of its scope along (OOMPolicy= of systemd.scope(5)).
 */
static void start_scope(int manager, const char *slice)
{
    struct timespec now;
    if (clock_gettime(CLOCK_MONOTONIC, &now) < 0)
        die_errno("CLOCK_MONOTONIC");
    char name[96];
    snprintf(name, sizeof name, "devenv-%d-%lld-%ld.scope", (int)getpid(), (long long)now.tv_sec, now.tv_nsec);
    struct buffer body = {0};
    put_string(&body, name);
    put_string(&body, "fail");
    align(&body, sizeof(uint32_t));
    size_t properties = body.size;
    put_number(&body, 0);
    align(&body, 8);
    size_t first = body.size;
    put_property(&body, "Slice", "s");
    put_string(&body, slice);
    put_property(&body, "Delegate", "b");
    put_number(&body, 1);
    put_property(&body, "CollectMode", "s");
    put_string(&body, "inactive-or-failed");
    put_property(&body, "PIDs", "au");
    put_number(&body, sizeof(uint32_t));
    put_number(&body, (uint32_t)getpid());
    set_number(&body, properties, (uint32_t)(body.size - first));
    put_number(&body, 0);
    align(&body, 8);

    struct buffer message = {0};
    const char beginning[] = {'l', METHOD_CALL, 0, 1};
    buffer_append(&message, beginning, sizeof beginning);
    put_number(&message, (uint32_t)body.size);
    put_number(&message, 1);
    size_t fields = message.size;
    put_number(&message, 0);
    put_field(&message, PATH, "o", "/org/freedesktop/systemd1");
    put_field(&message, INTERFACE, "s", "org.freedesktop.systemd1.Manager");
    put_field(&message, MEMBER, "s", "StartTransientUnit");
    put_field(&message, DESTINATION, "s", "org.freedesktop.systemd1");
    put_field(&message, SIGNATURE, "g", "ssa(sv)a(sa(sv))");
    set_number(&message, fields, (uint32_t)(message.size - fields - sizeof(uint32_t)));
    align(&message, 8);
    buffer_append(&message, body.data, body.size);
    if (write_all(manager, message.data, message.size) < 0)
        die_errno("systemd's user manager");
    buffer_free(&body);
    buffer_free(&message);
}

/* The name and the type of a value that follows. */
static void put_property(struct buffer *body, const char *name, const char *signature)
{
    align(body, 8);
    put_string(body, name);
    put_signature(body, signature);
}

static void put_field(struct buffer *header, char code, const char *signature, const char *value)
{
    align(header, 8);
    buffer_append(header, &code, 1);
    put_signature(header, signature);
    if (signature[0] == 'g')
        put_signature(header, value);
    else
        put_string(header, value);
}

static void put_string(struct buffer *buffer, const char *text)
{
    put_number(buffer, (uint32_t)strlen(text));
    buffer_append(buffer, text, strlen(text) + 1);
}

static void put_signature(struct buffer *buffer, const char *signature)
{
    char length = (char)strlen(signature);
    buffer_append(buffer, &length, 1);
    buffer_append(buffer, signature, strlen(signature) + 1);
}

static void put_number(struct buffer *buffer, uint32_t number)
{
    align(buffer, sizeof number);
    buffer_append(buffer, "\0\0\0", sizeof number);
    set_number(buffer, buffer->size - sizeof number, number);
}

static void set_number(struct buffer *buffer, size_t at, uint32_t number)
{
    for (size_t i = 0; i < sizeof number; i++)
        buffer->data[at + i] = (char)(number >> 8 * i);
}

static void align(struct buffer *buffer, size_t boundary)
{
    while (buffer->size % boundary != 0)
        buffer_append(buffer, "", 1);
}

/* The manager answers before it has moved anybody. */
static void await_move(int manager, const char *slice)
{
    for (int waited = 0; !is_inside(slice); waited++) {
        if (waited >= PATIENCE_SECONDS * 1000)
            die("systemd does not move this process to %s", slice);
        struct pollfd ready = {.fd = manager, .events = POLLIN};
        if (poll(&ready, 1, 1) < 0 && errno != EINTR)
            die_errno("poll");
        if (ready.revents == 0)
            continue;
        struct message message = receive(manager);
        if (message.type == ERROR && message.body.size > sizeof(uint32_t))
            die_plainly(xprintf("systemd makes no scope in %s: %s", slice, message.body.data + sizeof(uint32_t)));
        if (message.type == ERROR)
            die("systemd makes no scope in %s", slice);
        buffer_free(&message.body);
    }
}

static bool is_inside(const char *slice)
{
    char groups[4096];
    if (read_text(AT_FDCWD, "/proc/self/cgroup", groups, sizeof groups) < 0)
        die_errno("/proc/self/cgroup");
    const char *path = strstr(groups, "0::");
    char *part = xprintf("/%s/", slice);
    bool inside = path != NULL && strstr(path, part) != NULL;
    free(part);
    return inside;
}

static struct message receive(int manager)
{
    unsigned char header[16];
    receive_all(manager, header, sizeof header);
    uint64_t body = number_at(header + 4);
    uint64_t fields = ((uint64_t)number_at(header + 12) + 7) / 8 * 8;
    if (header[0] != 'l' || body + fields > MESSAGE_MOST)
        die("systemd's user manager says what is no message");
    struct message message = {.type = header[1]};
    receive_all(manager, buffer_reserve(&message.body, fields), fields);
    receive_all(manager, buffer_reserve(&message.body, body), body);
    message.body.size = body;
    message.body.data[body] = '\0';
    return message;
}

static void receive_all(int manager, void *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t count = read(manager, (char *)data + done, size - done);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            die_errno("systemd's user manager");
        if (count == 0)
            die("systemd's user manager ended the connection");
        done += (size_t)count;
    }
}

static uint32_t number_at(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}
