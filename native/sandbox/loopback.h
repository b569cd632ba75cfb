#pragma once

#include <stdint.h>
#include <sys/socket.h>

/** Two listening sockets at the loopback addresses of the network that the process is in; -1 for a family it lacks. */
struct listeners {
    int sockets[2];
};

/** Listens at 127.0.0.1 and ::1. Ends the process when the port cannot be had: a message for the user. */
struct listeners listen_at(uint16_t port, const char *where);

void close_listeners(struct listeners listeners);

/** The loopback address of a family, AF_INET or AF_INET6; gives its size. */
socklen_t loopback_address(int family, uint16_t port, struct sockaddr_storage *address);
