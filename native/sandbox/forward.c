#include "forward.h"

#include "../lib/util.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* As much as a pipe takes by default. */
#define PIECE 65536

enum kind { LISTENER, END };

/* What an event is about; first in both structures that follow. */
struct source {
    enum kind kind;
};

struct listener {
    struct source source;
    int fd;
    int family;
    uint16_t port;
};

/* What goes from one socket to the other, by way of a pipe, so that no byte passes through this process. */
struct way {
    int pipe[2];
    size_t pending;
    bool is_read;
    bool is_finished;
};

struct end {
    struct source source;
    struct connection *connection;
    int fd;
    uint32_t awaited;
    /* What comes from this end. */
    struct way way;
};

struct connection {
    struct end client;
    struct end server;
    uint16_t port;
    /* Families of the server's address that are still to be tried. */
    int family;
    bool may_try_other;
    bool is_connecting;
    bool is_over;
    struct connection *next_over;
};

static void add_listener(struct forwarder *forwarder, int fd, int family, uint16_t port);
static void take(struct forwarder *forwarder, const struct listener *listener);
static bool connect_to(struct forwarder *forwarder, struct connection *connection);
static bool try_other(struct forwarder *forwarder, struct connection *connection);
static bool serve(struct forwarder *forwarder, struct connection *connection);
static bool finish_connecting(struct forwarder *forwarder, struct connection *connection);
static bool move(struct end *from, struct end *to);
static void await(struct forwarder *forwarder, struct end *end);
static void drop(struct connection *connection);

struct forwarder new_forwarder(void)
{
    struct forwarder forwarder = {.events = epoll_create1(EPOLL_CLOEXEC)};
    if (forwarder.events < 0)
        die_errno("epoll_create1");
    return forwarder;
}

void forward_to(struct forwarder *forwarder, struct listeners from, uint16_t port)
{
    static const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < 2; i++)
        if (from.sockets[i] >= 0)
            add_listener(forwarder, from.sockets[i], families[i], port);
}

void forward_once(struct forwarder *forwarder, int milliseconds)
{
    struct epoll_event events[16];
    int count = epoll_wait(forwarder->events, events, sizeof events / sizeof events[0], milliseconds);
    /* A connection may stand twice in one list, so that it is freed behind it. */
    struct connection *over = NULL;
    for (int i = 0; i < count; i++) {
        struct source *source = events[i].data.ptr;
        if (source->kind == LISTENER) {
            take(forwarder, (struct listener *)source);
            continue;
        }
        struct connection *connection = ((struct end *)source)->connection;
        if (connection->is_over || serve(forwarder, connection))
            continue;
        connection->is_over = true;
        connection->next_over = over;
        over = connection;
    }
    while (over != NULL) {
        struct connection *next = over->next_over;
        drop(over);
        over = next;
    }
}

static void add_listener(struct forwarder *forwarder, int fd, int family, uint16_t port)
{
    struct listener *listener = xcalloc(1, sizeof *listener);
    *listener = (struct listener){.source = {LISTENER}, .fd = fd, .family = family, .port = port};
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = listener};
    if (epoll_ctl(forwarder->events, EPOLL_CTL_ADD, fd, &event) < 0)
        die_errno("epoll_ctl");
}

static void take(struct forwarder *forwarder, const struct listener *listener)
{
    int client = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (client < 0) {
        /* No descriptor is free: not at once again, connections end meanwhile. */
        if (errno == EMFILE || errno == ENFILE)
            nanosleep(&(struct timespec){.tv_nsec = 10 * 1000 * 1000}, NULL);
        return;
    }
    struct connection *connection = xcalloc(1, sizeof *connection);
    *connection = (struct connection){
        .client = {.source = {END}, .connection = connection, .fd = client, .way = {.pipe = {-1, -1}}},
        .server = {.source = {END}, .connection = connection, .fd = -1, .way = {.pipe = {-1, -1}}},
        .port = listener->port,
        .family = listener->family,
        .may_try_other = true,
    };
    if (pipe2(connection->client.way.pipe, O_CLOEXEC | O_NONBLOCK) < 0 ||
        pipe2(connection->server.way.pipe, O_CLOEXEC | O_NONBLOCK) < 0 || !connect_to(forwarder, connection))
        drop(connection);
}

static bool connect_to(struct forwarder *forwarder, struct connection *connection)
{
    struct end *server = &connection->server;
    if (server->fd >= 0)
        close(server->fd);
    server->awaited = 0;
    server->fd = socket(connection->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct sockaddr_storage address;
    socklen_t size = loopback_address(connection->family, connection->port, &address);
    if (server->fd < 0)
        return try_other(forwarder, connection);
    if (connect(server->fd, (struct sockaddr *)&address, size) == 0)
        return serve(forwarder, connection);
    if (errno != EINPROGRESS)
        return try_other(forwarder, connection);
    connection->is_connecting = true;
    await(forwarder, server);
    return true;
}

static bool try_other(struct forwarder *forwarder, struct connection *connection)
{
    if (!connection->may_try_other)
        return false;
    connection->may_try_other = false;
    connection->family = connection->family == AF_INET ? AF_INET6 : AF_INET;
    return connect_to(forwarder, connection);
}

/* False when the connection is over. */
static bool serve(struct forwarder *forwarder, struct connection *connection)
{
    struct end *client = &connection->client;
    struct end *server = &connection->server;
    if (connection->is_connecting)
        return finish_connecting(forwarder, connection);
    if (!move(client, server) || !move(server, client))
        return false;
    if (client->way.is_finished && server->way.is_finished)
        return false;
    await(forwarder, client);
    await(forwarder, server);
    return true;
}

static bool finish_connecting(struct forwarder *forwarder, struct connection *connection)
{
    int error = 0;
    socklen_t size = sizeof error;
    struct sockaddr_storage peer;
    socklen_t peer_size = sizeof peer;
    if (getsockopt(connection->server.fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return false;
    if (error == 0 && getpeername(connection->server.fd, (struct sockaddr *)&peer, &peer_size) < 0)
        return errno == ENOTCONN;
    connection->is_connecting = false;
    return error == 0 ? serve(forwarder, connection) : try_other(forwarder, connection);
}

/* Moves what goes without waiting; false when either end broke off. */
static bool move(struct end *from, struct end *to)
{
    struct way *way = &from->way;
    for (;;) {
        if (way->pending == 0 && way->is_read) {
            if (!way->is_finished && shutdown(to->fd, SHUT_WR) < 0 && errno != ENOTCONN)
                return false;
            way->is_finished = true;
            return true;
        }
        if (way->pending == 0) {
            ssize_t got = splice(from->fd, NULL, way->pipe[1], NULL, PIECE, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
            if (got < 0)
                return errno == EAGAIN || errno == EINTR;
            way->is_read = got == 0;
            way->pending = (size_t)got;
            continue;
        }
        ssize_t sent = splice(way->pipe[0], NULL, to->fd, NULL, way->pending, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
        if (sent < 0)
            return errno == EAGAIN || errno == EINTR;
        way->pending -= (size_t)sent;
    }
}

static void await(struct forwarder *forwarder, struct end *end)
{
    struct connection *connection = end->connection;
    struct end *other = end == &connection->client ? &connection->server : &connection->client;
    uint32_t awaited = 0;
    if (connection->is_connecting || other->way.pending > 0)
        awaited |= EPOLLOUT;
    if (!connection->is_connecting && !end->way.is_read && end->way.pending == 0)
        awaited |= EPOLLIN;
    if (awaited == end->awaited)
        return;
    /* One with nothing to wait for would still report that it was hung up, over and over. */
    int operation = awaited == 0 ? EPOLL_CTL_DEL : end->awaited == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
    struct epoll_event event = {.events = awaited, .data.ptr = end};
    if (epoll_ctl(forwarder->events, operation, end->fd, &event) < 0)
        die_errno("epoll_ctl");
    end->awaited = awaited;
}

/* Where not everything came across, both sides hear of a reset, not of an orderly end. */
static void drop(struct connection *connection)
{
    struct end *ends[] = {&connection->client, &connection->server};
    bool is_whole = connection->client.way.is_finished && connection->server.way.is_finished;
    for (size_t i = 0; i < 2; i++) {
        struct linger at_once = {.l_onoff = 1};
        if (ends[i]->fd >= 0) {
            if (!is_whole)
                (void)setsockopt(ends[i]->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
            close(ends[i]->fd);
        }
        for (size_t side = 0; side < 2; side++)
            if (ends[i]->way.pipe[side] >= 0)
                close(ends[i]->way.pipe[side]);
    }
    free(connection);
}
