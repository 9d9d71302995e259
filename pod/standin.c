// A server in place of an image that the lab does not have: says who it is, and calls others on request.
//
//   twill-pod standin --pod NAME --namespace NAME --node NAME --container NAME [--tcp PORT | --udp PORT | --try-tcp PORT]...
//
// `--try-tcp` passes over a port that somebody else has. HTTP: /call (call.c), /env, /healthz and /readyz, which fail from
// /fail[?ready|?health] until /recover, /exit?code=N; any other path tells the facts, as does a TCP connection that speaks something
// else, ends its side or stays silent, and every datagram.
#define _GNU_SOURCE
#include "call.h"
#include "fail.h"
#include "http.h"
#include "listener.h"
#include "role.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// Nobody may hold a place for long. A silent client is told the facts only then: sooner, it could be one whose request is late.
enum { MAX_CONNECTIONS = 64, REQUEST_SIZE = 4096, PATIENCE_MS = 10000, LOOK_MS = 500 };

struct connection {
  int fd; // 0: free
  size_t used;
  long since;
  struct caller caller;
};

static struct connection connections[MAX_CONNECTIONS];
// A page each, given back when the connection ends.
static char requests[MAX_CONNECTIONS][REQUEST_SIZE] __attribute__((aligned(4096)));

static long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void close_connection(struct connection *connection) {
  close(connection->fd);
  connection->fd = 0;
  madvise(requests[connection - connections], REQUEST_SIZE, MADV_DONTNEED);
}

static void accept_connection(const struct listener *listener) {
  struct connection *free = connections;
  while (free < connections + MAX_CONNECTIONS && free->fd > 0) free++;
  if (free == connections + MAX_CONNECTIONS) return; // It waits in the backlog.
  *free = (struct connection){.since = now_ms(), .caller = {.protocol = "tcp", .port = listener->port}};
  struct sockaddr_in6 from = {0};
  socklen_t size = sizeof from;
  int fd = accept4(listener->fd, (void *)&from, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (from.sin6_family == AF_INET) {
    struct sockaddr_in v4;
    memcpy(&v4, &from, sizeof v4);
    from = (struct sockaddr_in6){.sin6_port = v4.sin_port};
    memcpy(from.sin6_addr.s6_addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
    memcpy(from.sin6_addr.s6_addr + 12, &v4.sin_addr, 4);
  }
  free->caller.address = from;
  free->fd = fd;
}

// Reads what is there first: closing with unread bytes would reset the connection before the line arrives.
static void tell_and_close(struct connection *connection) {
  char line[2048], rest[256];
  while (read(connection->fd, rest, sizeof rest) == sizeof rest) continue;
  (void)!send(connection->fd, line, tell_facts(line, sizeof line, &connection->caller), MSG_NOSIGNAL);
  close_connection(connection);
}

static void read_request(struct connection *connection) {
  char *request = requests[connection - connections];
  ssize_t n = read(connection->fd, request + connection->used, REQUEST_SIZE - 1 - connection->used);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (n == 0 && connection->used == 0) return tell_and_close(connection);
  if (n <= 0) return close_connection(connection);
  request[connection->used += (size_t)n] = 0;
  int http = looks_like_http(request, connection->used);
  if (http == 0) return tell_and_close(connection);
  if (http < 0 || (!strstr(request, "\r\n\r\n") && !strstr(request, "\n\n") && connection->used < REQUEST_SIZE - 1)) return;
  answer_http(connection->fd, request, &connection->caller);
  close_connection(connection);
}

static void expire(struct connection *connection, long now) {
  if (now - connection->since < PATIENCE_MS) return;
  if (connection->used == 0) tell_and_close(connection);
  else close_connection(connection);
}

static void serve(void) {
  struct pollfd polled[MAX_LISTENERS + MAX_CONNECTIONS];
  for (;;) {
    int busy = 0, count = listener_count;
    for (struct connection *each = connections; each < connections + MAX_CONNECTIONS; each++) busy += each->fd > 0;
    for (int i = 0; i < listener_count; i++) polled[i] = (struct pollfd){busy < MAX_CONNECTIONS || listeners[i].is_udp ? listeners[i].fd : -1, POLLIN, 0};
    for (int i = 0; i < MAX_CONNECTIONS; i++) polled[count++] = (struct pollfd){connections[i].fd > 0 ? connections[i].fd : -1, POLLIN, 0};
    if (poll(polled, (nfds_t)count, busy ? LOOK_MS : -1) < 0 && errno != EINTR) fail("Cannot wait for callers: %s", strerror(errno));
    reap_calls();
    long now = now_ms();
    for (int i = 0; i < MAX_CONNECTIONS; i++) {
      if (connections[i].fd > 0 && polled[listener_count + i].revents) read_request(&connections[i]);
      if (connections[i].fd > 0) expire(&connections[i], now);
    }
    for (int i = 0; i < listener_count; i++) {
      if (!polled[i].revents) continue;
      if (listeners[i].is_udp) answer_datagram(&listeners[i]);
      else accept_connection(&listeners[i]);
    }
  }
}

static void end_gracefully(int number) {
  (void)number;
  _exit(0);
}

// Being interrupted is enough: the loop looks after ended calls whenever it wakes.
static void wake(int number) { (void)number; }

static void parse_options(char **args) {
  for (; args[0]; args += 2) {
    char *option = args[0], *value = args[1];
    if (!value) fail("Cannot read %s: its value is missing", option);
    if (strcmp(option, "--pod") == 0) identity.pod = value;
    else if (strcmp(option, "--namespace") == 0) identity.namespace = value;
    else if (strcmp(option, "--node") == 0) identity.node = value;
    else if (strcmp(option, "--container") == 0) identity.container = value;
    else if (strcmp(option, "--tcp") == 0) listen_on(value, 0, 0);
    else if (strcmp(option, "--udp") == 0) listen_on(value, 1, 0);
    else if (strcmp(option, "--try-tcp") == 0) listen_on(value, 0, 1);
    else fail("Cannot read %s: there is no such option, see the top of pod/standin.c", option);
  }
}

int standin_role(char **args) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, wake);
  signal(SIGTERM, end_gracefully);
  signal(SIGINT, end_gracefully);
  setvbuf(stdout, NULL, _IOLBF, 512);
  gethostname(identity.hostname, sizeof identity.hostname - 1);
  parse_options(args);
  serve();
  return 0;
}
