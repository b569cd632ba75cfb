#pragma once

#include <stdbool.h>
#include <sys/types.h>
#include <termios.h>

/* A terminal of the environment that stands in for the one outside; without one outside, nothing. */
struct terminal {
    bool used;
    int master;
    /* Stays open here too, so that a command may close its last one and open /dev/tty later. */
    int slave;
    struct termios before;
    bool input_open;
    /* What could not be given to the environment's terminal yet. */
    char pending[4096];
    size_t pending_start;
    size_t pending_end;
};

/** Opens one in the environment's devpts, owned by `owner`, when standard input and output are terminals. */
void open_terminal(struct terminal *terminal, uid_t owner);

/** In the child: makes it the controlling terminal and the three standard descriptors. */
void use_terminal(const struct terminal *terminal);

/** In the parent: raw mode outside until finish_relay() or the end of the process. */
void start_relay(struct terminal *terminal);
/** Waits for a signal or for something to pass on, and passes it on. */
void relay_once(struct terminal *terminal, int signals);
/** Passes on what the command left behind and puts the terminal outside back as it was. */
void finish_relay(struct terminal *terminal);
void resize_terminal(struct terminal *terminal);
