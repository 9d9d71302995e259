// How fast two places reach each other: small messages back and forth, then one stream, over TCP.
//
//   twill-pod measure --from PID --cgroup DIR --to PID --host ADDRESS --time MS
//
// Connects from PID's network namespace, as a process of DIR, to ADDRESS, which is one of the other's. Each of both takes MS; a line of output:
// "P50 P99 RATE", what half and 99 of 100 round trips took at most in nanoseconds, and bits a second.
// Both ends of the round trips share a processor: what is measured is the way, not how soon another processor wakes up.
#define _GNU_SOURCE
#include "cgroup.h"
#include "fail.h"
#include "namespaces.h"
#include "role.h"
#include "wait.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SAMPLES = 1 << 18, CHUNK = 1 << 17, PATIENCE_S = 2 };

static char buffer[CHUNK];
static uint32_t samples[MAX_SAMPLES];

struct place {
  struct sockaddr_storage address;
  socklen_t size;
};

static uint64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void share_processor(cpu_set_t *before) {
  cpu_set_t one;
  if (sched_getaffinity(0, sizeof *before, before) < 0) fail("Cannot find out about processors: %s", strerror(errno));
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
    if (CPU_ISSET(i, before)) CPU_SET(i, &one);
  sched_setaffinity(0, sizeof one, &one);
}

static struct place parse_place(const char *host) {
  struct sockaddr_in four = {.sin_family = AF_INET};
  struct sockaddr_in6 six = {.sin6_family = AF_INET6};
  struct place place = {0};
  if (inet_pton(AF_INET, host, &four.sin_addr) == 1) memcpy(&place.address, &four, place.size = sizeof four);
  else if (inet_pton(AF_INET6, host, &six.sin6_addr) == 1) memcpy(&place.address, &six, place.size = sizeof six);
  else fail("Cannot measure to %s: it is no address", host);
  return place;
}

// The one who is called: says everything back on a first connection, takes everything on a second one.
static _Noreturn void serve(int listener) {
  cpu_set_t before;
  share_processor(&before);
  int echo = accept(listener, NULL, NULL), one = 1;
  if (echo < 0) fail("Cannot accept a connection: %s", strerror(errno));
  setsockopt(echo, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  for (ssize_t size; (size = read(echo, buffer, sizeof buffer)) > 0;)
    if (write(echo, buffer, (size_t)size) != size) break;
  sched_setaffinity(0, sizeof before, &before);
  int sink = accept(listener, NULL, NULL);
  while (read(sink, buffer, sizeof buffer) > 0) {}
  _exit(0);
}

// Returns the server's process id; `place` gets its port.
static pid_t start_server(const char *pid, struct place *place) {
  int ends[2];
  in_port_t port;
  if (pipe(ends) < 0) fail("Cannot make a pipe: %s", strerror(errno));
  pid_t child = fork();
  if (child < 0) fail("Cannot start a process: %s", strerror(errno));
  if (child == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    join_namespaces(open_process(pid), CLONE_NEWNET);
    int listener = socket(place->address.ss_family, SOCK_STREAM, 0);
    if (listener < 0 || bind(listener, (void *)&place->address, place->size) < 0 || listen(listener, 2) < 0) fail("Cannot listen there: %s", strerror(errno));
    getsockname(listener, (void *)&place->address, &place->size);
    // The place of the port is the same for both families.
    if (write(ends[1], &((struct sockaddr_in *)&place->address)->sin_port, sizeof port) != sizeof port) fail("Cannot tell the port: %s", strerror(errno));
    serve(listener);
  }
  close(ends[1]);
  if (read(ends[0], &port, sizeof port) != sizeof port) exit(1); // The server has said why.
  close(ends[0]);
  ((struct sockaddr_in *)&place->address)->sin_port = port;
  return child;
}

static int connect_to(const struct place *place) {
  struct timeval patience = {PATIENCE_S, 0};
  int fd = socket(place->address.ss_family, SOCK_STREAM, 0), one = 1;
  if (fd < 0) fail("Cannot make a socket: %s", strerror(errno));
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  if (connect(fd, (void *)&place->address, place->size) < 0) fail("Cannot connect: %s", errno == EINPROGRESS ? "nothing answers" : strerror(errno));
  return fd;
}

static int compare(const void *a, const void *b) {
  uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
  return (left > right) - (left < right);
}

static size_t measure_round_trips(const struct place *place, uint64_t time_ns) {
  cpu_set_t before;
  share_processor(&before);
  int fd = connect_to(place);
  size_t count = 0;
  for (uint64_t sent = now_ns(), end = sent + time_ns; sent < end && count < MAX_SAMPLES;) {
    if (write(fd, buffer, 1) != 1 || read(fd, buffer, 1) != 1) fail("Cannot measure: the connection broke: %s", strerror(errno));
    uint64_t answered = now_ns();
    samples[count++] = (uint32_t)(answered - sent);
    sent = answered;
  }
  close(fd);
  sched_setaffinity(0, sizeof before, &before);
  qsort(samples, count, sizeof *samples, compare);
  return count;
}

static double measure_stream(const struct place *place, uint64_t time_ns) {
  int fd = connect_to(place);
  uint64_t begun = now_ns(), sent = 0;
  while (now_ns() - begun < time_ns) {
    ssize_t size = write(fd, buffer, sizeof buffer);
    if (size < 0) fail("Cannot measure: the stream broke: %s", strerror(errno));
    sent += (uint64_t)size;
  }
  // The other end closes when it has all of it.
  shutdown(fd, SHUT_WR);
  while (read(fd, buffer, sizeof buffer) > 0) {}
  return (double)sent * 8e9 / (double)(now_ns() - begun);
}

int measure_role(char **args) {
  const char *from = NULL, *cgroup = NULL, *to = NULL, *host = NULL;
  int time_ms = 400;
  for (; args[0]; args += 2) {
    if (!args[1]) fail("Cannot read %s: its value is missing", args[0]);
    if (strcmp(args[0], "--from") == 0) from = args[1];
    else if (strcmp(args[0], "--cgroup") == 0) cgroup = args[1];
    else if (strcmp(args[0], "--to") == 0) to = args[1];
    else if (strcmp(args[0], "--host") == 0) host = args[1];
    else if (strcmp(args[0], "--time") == 0) time_ms = atoi(args[1]);
    else fail("Cannot read %s: options of measure are --from PID, --cgroup DIR, --to PID, --host ADDRESS and --time MS", args[0]);
  }
  if (!from || !to || !host || time_ms < 1) fail("Cannot measure: needs --from PID, --to PID, --host ADDRESS and a --time of 1 or more");
  if (cgroup) {
    pid_t child = fork_into(open_cgroup(cgroup), 0);
    if (child > 0) return wait_as(child);
  }
  signal(SIGPIPE, SIG_IGN);
  struct place place = parse_place(host);
  pid_t server = start_server(to, &place);
  join_namespaces(open_process(from), CLONE_NEWNET);
  size_t count = measure_round_trips(&place, (uint64_t)time_ms * 1000000);
  double rate = measure_stream(&place, (uint64_t)time_ms * 1000000);
  printf("%u %u %.0f\n", samples[count / 2], samples[count * 99 / 100], rate);
  kill(server, SIGKILL);
  return 0;
}
