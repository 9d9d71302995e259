// The stand-in's listening sockets, both families in one where the kernel has IPv6.
#define _GNU_SOURCE
#include "listener.h"
#include "fail.h"
#include "identity.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct listener listeners[MAX_LISTENERS];
int listener_count;

static const int on = 1, off = 0;

static int bind_to(int family, int type, int port) {
  int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
  struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (family == AF_INET6) {
    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof on);
  } else {
    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof on);
  }
  int bound = family == AF_INET6 ? bind(fd, (void *)&v6, sizeof v6) : bind(fd, (void *)&v4, sizeof v4);
  if (bound == 0 && (type == SOCK_DGRAM || listen(fd, 128) == 0)) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

void listen_on(const char *text, int is_udp, int optional) {
  int port = atoi(text), type = is_udp ? SOCK_DGRAM : SOCK_STREAM;
  if (port < 1 || port > 65535) fail("Cannot listen on port %s: it must be a number from 1 to 65535", text);
  if (listener_count == MAX_LISTENERS) fail("Cannot listen on port %d: %d ports are the most", port, MAX_LISTENERS);
  int fd = bind_to(AF_INET6, type, port);
  if (fd < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL)) fd = bind_to(AF_INET, type, port);
  if (fd < 0 && optional) return;
  if (fd < 0) fail("Cannot listen on %s port %d: %s", is_udp ? "UDP" : "TCP", port, strerror(errno));
  listeners[listener_count++] = (struct listener){fd, port, is_udp};
  printf("listening on %s port %d\n", is_udp ? "UDP" : "TCP", port);
}

void answer_datagram(const struct listener *listener) {
  char bytes[2048], control[256], line[2048];
  struct caller caller = {.protocol = "udp", .port = listener->port};
  struct iovec part = {bytes, sizeof bytes};
  struct msghdr message = {.msg_name = &caller.address,
                           .msg_namelen = sizeof caller.address,
                           .msg_iov = &part,
                           .msg_iovlen = 1,
                           .msg_control = control,
                           .msg_controllen = sizeof control};
  if (recvmsg(listener->fd, &message, 0) < 0) return;
  struct sockaddr_in v4;
  memcpy(&v4, &caller.address, sizeof v4);
  if (v4.sin_family == AF_INET) {
    caller.address = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = v4.sin_port};
    memcpy(caller.address.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    memcpy(caller.address.sin6_addr.s6_addr + 12, &v4.sin_addr, 4);
  }
  part = (struct iovec){line, tell_facts(line, sizeof line, &caller)};
  // The same control message says which address the answer must come from: a host has several.
  if (v4.sin_family == AF_INET) message.msg_name = &v4, message.msg_namelen = sizeof v4;
  (void)!sendmsg(listener->fd, &message, MSG_NOSIGNAL);
}
