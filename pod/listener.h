// The stand-in's listening sockets, both families in one where the kernel has IPv6.
#pragma once

enum { MAX_LISTENERS = 64 };

struct listener {
  int fd, port, is_udp;
};

extern struct listener listeners[MAX_LISTENERS];
extern int listener_count;

// `optional`: a port that somebody else has is passed over; otherwise it ends the process, as it would a real server.
void listen_on(const char *port, int is_udp, int optional);

// Answers one datagram with the line of facts, from the address it came to.
void answer_datagram(const struct listener *listener);
