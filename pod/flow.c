// Bytes on their way from one descriptor to another, at the pace of the slower one.
#include "flow.h"
#include "fail.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

void make_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0) fail("Cannot pass on bytes of descriptor %d: %s", fd, strerror(errno));
}

void await_flow(const struct flow *flow, struct pollfd *polled) {
  int pending = flow->begin < flow->end;
  *polled = (struct pollfd){flow_is_over(flow) ? -1 : pending ? flow->to : flow->from, pending ? POLLOUT : POLLIN, 0};
}

static int would_wait(void) { return errno == EAGAIN || errno == EINTR; }

void move_flow(struct flow *flow) {
  if (flow_is_over(flow)) return;
  if (flow->begin == flow->end) {
    ssize_t n = read(flow->from, flow->bytes, sizeof flow->bytes);
    if (n < 0 && would_wait()) return;
    // A terminal whose programs have all ended gives EIO.
    if (n <= 0) flow->from = -1;
    flow->begin = 0, flow->end = n > 0 ? (size_t)n : 0;
    if (n <= 0) return;
  }
  ssize_t n = write(flow->to, flow->bytes + flow->begin, flow->end - flow->begin);
  if (n > 0) flow->begin += (size_t)n;
  else if (n < 0 && !would_wait()) flow->to = -1;
}

int flow_is_over(const struct flow *flow) { return flow->to < 0 || (flow->from < 0 && flow->begin == flow->end); }
