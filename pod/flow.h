// Bytes on their way from one descriptor to another, at the pace of the slower one.
#pragma once
#include <poll.h>
#include <stddef.h>

struct flow {
  int from; // -1 when the source has ended
  int to;   // -1 when nothing is taken any more; the owner closes
  size_t begin, end;
  char bytes[32 << 10];
};

// Both descriptors must not block: one program may be waiting to be read while it does not read.
void make_nonblocking(int fd);

// What to wait for: the source when the buffer is empty, else the sink.
void await_flow(const struct flow *flow, struct pollfd *polled);

// Reads or writes once, as far as it goes without waiting.
void move_flow(struct flow *flow);

// Whether nothing more will be moved: the source has ended and all is written, or the sink is gone.
int flow_is_over(const struct flow *flow);
