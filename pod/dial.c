// Standard input and output as a TCP connection made in another process's network namespace.
#define _GNU_SOURCE
#include "fail.h"
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

// Copies once; 0 at the end of the source.
static int copy(int from, int to) {
  char bytes[16 << 10];
  ssize_t n = read(from, bytes, sizeof bytes);
  if (n < 0 && errno == EINTR) return 1;
  for (ssize_t done = 0, m; done < n; done += m)
    if ((m = write(to, bytes + done, (size_t)(n - done))) < 0) return 0;
  return n > 0;
}

int dial_role(char **args) {
  if (!args[0] || strcmp(args[0], "--pid") != 0 || !args[1] || !args[2] || !args[3] || args[4])
    fail("Cannot connect: the arguments of dial are --pid PID HOST PORT");
  signal(SIGPIPE, SIG_IGN);
  join_namespaces(open_process(args[1]), CLONE_NEWNET);
  int fd = connect_to(args[2], args[3]);
  struct pollfd polled[] = {{0, POLLIN, 0}, {fd, POLLIN, 0}};
  for (;;) {
    if (poll(polled, 2, -1) < 0 && errno != EINTR) fail("Cannot wait: %s", strerror(errno));
    if (polled[1].revents && !copy(fd, 1)) return 0;
    if (polled[0].revents && !copy(0, fd)) shutdown(fd, SHUT_WR), polled[0].fd = -1;
  }
}
