#pragma once

#include "../lib/util.h"
#include "descriptors.h"
#include "forward.h"

#include <stdbool.h>
#include <sys/types.h>

/** As many as one message takes two sockets of, and the two namespaces. */
#define MOST_HOST_PORTS ((MOST_DESCRIPTORS - 2) / 2)

/*
 * --network host|none|private  private: a network of its own, which a helper connects with the host's
 * --network-state FILE         where it is said what became of the network, see state-file.h
 * --network-publish HOST:INSIDE    a port of the host's loopback addresses leads to one inside
 * --network-host-port PORT     a port of the loopback addresses inside leads to the host's
 * --network-ready 1|3          the helper's descriptor on which it writes something once packets can flow
 * --network-helper WORD…       the helper's command line, a word an option; "{pid}" is a process in the network
 */
struct network_plan {
    bool own;
    const char *state;
    struct published {
        uint16_t host;
        uint16_t inside;
    } *published;
    size_t published_count;
    uint16_t *host_ports;
    size_t host_port_count;
    int ready;
    char **helper;
    size_t helper_count;
};

/** The process that looks after a network, as the one sees it that starts it. */
struct watcher {
    /** -1 where the plan asks for none. */
    int channel;
};

/** Takes one of the options above; false when it is none of them. */
bool network_option(struct network_plan *plan, const char *option, struct args *args);

/**
 * To be called as the user, outside of namespaces and control groups of the environment: takes the ports on the host,
 * ends the process when one is taken, and starts the watcher, which waits for the next two.
 */
struct watcher start_watcher(const struct network_plan *plan);

/** In the user namespace of the environment: makes the network and gives it to the watcher. */
void make_network(const struct network_plan *plan, const struct watcher *watcher);

/** The same for a network that is there and has been joined. */
void give_network(const struct network_plan *plan, const struct watcher *watcher);

/** Tells the watcher whose end is the end of the network. */
void follow(const struct watcher *watcher, pid_t init);

/**
 * Waits until packets can flow, at most some seconds, and says on standard error when they cannot.
 *
 * \param file  what --network-state named
 */
void await_network(const char *file);
