// Standard input and output as a TCP connection made in another process's network namespace.
#define _GNU_SOURCE
#include "fail.h"
#include "flow.h"
#include "namespaces.h"
#include "role.h"
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int connect_to(const char *host, const char *port) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
  int error = getaddrinfo(host, port, &hints, &found);
  if (error) fail("Cannot connect to %s port %s: %s", host, port, gai_strerror(error));
  int fd = -1;
  for (struct addrinfo *each = found; each; each = each->ai_next) {
    fd = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, each->ai_addr, each->ai_addrlen) == 0) return fd;
    if (fd >= 0) error = errno, close(fd), errno = error;
  }
  fail("Cannot connect to %s port %s: %s", host, port, strerror(errno));
}

enum { LISTENED_TO = 0, SPOKEN_TO = 1 };

int dial_role(char **args) {
  if (!args[0] || strcmp(args[0], "--pid") != 0 || !args[1] || !args[2] || !args[3] || args[4])
    fail("Cannot connect: the arguments of dial are --pid PID HOST PORT");
  signal(SIGPIPE, SIG_IGN);
  join_namespaces(open_process(args[1]), CLONE_NEWNET);
  int fd = connect_to(args[2], args[3]);
  static struct flow flows[2];
  flows[LISTENED_TO].from = fd, flows[LISTENED_TO].to = 1;
  flows[SPOKEN_TO].from = 0, flows[SPOKEN_TO].to = fd;
  for (int each = 0; each < 2; each++) make_nonblocking(each);
  make_nonblocking(fd);
  int half_closed = 0;
  // Whoever asked may end its side first; when the other side ends, nobody is there any more who could be spoken to.
  while (!flow_is_over(&flows[LISTENED_TO])) {
    struct pollfd polled[2];
    for (int each = 0; each < 2; each++) await_flow(&flows[each], &polled[each]);
    if (poll(polled, 2, -1) < 0 && errno != EINTR) fail("Cannot wait: %s", strerror(errno));
    for (int each = 0; each < 2; each++)
      if (polled[each].revents) move_flow(&flows[each]);
    if (!half_closed && flow_is_over(&flows[SPOKEN_TO])) half_closed = 1, shutdown(fd, SHUT_WR);
  }
  return 0;
}
