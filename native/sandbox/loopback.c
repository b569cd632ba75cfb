#include "loopback.h"

#include "../lib/util.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

static int listen_on(int family, uint16_t port);

struct listeners listen_at(uint16_t port, const char *where)
{
    struct listeners made = {.sockets = {-1, -1}};
    static const int families[] = {AF_INET, AF_INET6};
    for (size_t i = 0; i < 2; i++) {
        made.sockets[i] = listen_on(families[i], port);
        if (made.sockets[i] >= 0)
            continue;
        /* A network without IPv6 has the other address only. */
        if (families[i] == AF_INET6 && (errno == EADDRNOTAVAIL || errno == EAFNOSUPPORT))
            continue;
        die_errno("port %u of %s cannot be had", (unsigned)port, where);
    }
    return made;
}

void close_listeners(struct listeners listeners)
{
    for (size_t i = 0; i < 2; i++)
        if (listeners.sockets[i] >= 0)
            close(listeners.sockets[i]);
}

socklen_t loopback_address(int family, uint16_t port, struct sockaddr_storage *address)
{
    *address = (struct sockaddr_storage){0};
    if (family == AF_INET) {
        struct sockaddr_in *four = (struct sockaddr_in *)address;
        four->sin_family = AF_INET;
        four->sin_port = htons(port);
        four->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return sizeof *four;
    }
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    six->sin6_addr = in6addr_loopback;
    return sizeof *six;
}

static int listen_on(int family, uint16_t port)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -1;
    struct sockaddr_storage address;
    socklen_t size = loopback_address(family, port, &address);
    int on = 1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
        (family != AF_INET6 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) == 0) &&
        bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, SOMAXCONN) == 0)
        return fd;
    int saved = errno;
    close(fd);
    errno = saved;
    return -1;
}
