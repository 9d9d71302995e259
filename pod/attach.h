// Clients of a running container: they type into it and see what it writes, as long as they like.
//
// A client hands its standard streams over (unix(7), SCM_RIGHTS) and waits: the monitor reads and writes them itself. With a terminal
// a fourth descriptor brings its sizes, as for the relay of exec (relay.h). The monitor closes the connection when the container
// has ended; how it ended its state tells, not its clients.
#pragma once
#include <poll.h>
#include <stddef.h>

enum { MAX_CLIENTS = 4, MAX_ATTACH_POLLED = 1 + 3 * MAX_CLIENTS };

// Listens at `path`. `input` is the container's, -1 without one; `terminal` its terminal, or -1.
void open_attach(const char *path, int input, int terminal);

// Fills in what to wait for and returns how many; what came of it goes to serve_attached.
int await_attached(struct pollfd *polled);
void serve_attached(const struct pollfd *polled);

// Passes on what the container wrote: stream 1 or 2.
void show_attached(int stream, const char *bytes, size_t size);

void end_attached(void);
