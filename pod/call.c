// Calling others on request: /call?url=http://HOST[:PORT]/PATH, /call?tcp=HOST:PORT, /call?udp=HOST:PORT.
//
// The answer: {"ok":true,"to":"10.0.0.7:80","ms":1.204,"status":200,"answer":"…"}, or {"ok":false,"error":"…","ms":…} with HTTP
// status 502. `&timeout=SECONDS` limits it, 3 by default.
#define _GNU_SOURCE
#include "call.h"
#include "http.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MAX_TEXT = 2048, MAX_ANSWER = 8 << 10, DEFAULT_SECONDS = 3, MAX_SECONDS = 60, MAX_CALLS = 32 };

struct call {
  int type, is_http, seconds;
  char host[256], port[16], path[1024];
};

static struct timespec begun;
static int calls;

void reap_calls(void) {
  // As process 1 of the container it is also left with children of others: they were not counted.
  while (waitpid(-1, NULL, WNOHANG) > 0)
    if (calls > 0) calls--;
}

static double milliseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)(now.tv_sec - begun.tv_sec) * 1e3 + (double)(now.tv_nsec - begun.tv_nsec) / 1e6;
}

static _Noreturn void give_up(int fd, const char *what) {
  char text[MAX_TEXT], body[MAX_TEXT + 128];
  json_text(text, sizeof text, what, strlen(what));
  int size = snprintf(body, sizeof body, "{\"ok\":false,\"error\":\"%s\",\"ms\":%.3f}\n", text, milliseconds());
  send_http(fd, 502, "application/json", body, (size_t)size);
  _exit(0);
}

static int hex_digit(char digit) { return digit <= '9' ? digit - '0' : (digit | 32) - 'a' + 10; }

// The value of a field of a query, percent signs resolved; 0 when it is not there.
static int field(const char *query, const char *name, char *value, size_t size) {
  for (size_t length = strlen(name); *query; query += strcspn(query, "&"), query += *query == '&') {
    if (strncmp(query, name, length) != 0 || query[length] != '=') continue;
    size_t used = 0;
    for (const char *at = query + length + 1; *at && *at != '&' && used + 1 < size; at++) {
      int coded = *at == '%' && at[1] && at[2];
      value[used++] = coded ? (char)(hex_digit(at[1]) << 4 | hex_digit(at[2])) : *at;
      if (coded) at += 2;
    }
    value[used] = 0;
    return 1;
  }
  return 0;
}

// "HOST:PORT", "[V6]:PORT"; without a port `fallback`.
static int split_address(struct call *call, const char *text, size_t size, const char *fallback) {
  const char *end = text + size, *colon = memrchr(text, ':', size), *close = memrchr(text, ']', size);
  const char *host = text, *host_end = colon && (!close || colon > close) ? colon : end;
  const char *port = host_end == end ? fallback : host_end + 1;
  size_t port_size = host_end == end ? strlen(fallback) : (size_t)(end - port);
  if (*host == '[' && host_end[-1] == ']') host++, host_end--;
  if (host_end <= host || (size_t)(host_end - host) >= sizeof call->host || port_size == 0 || port_size >= sizeof call->port) return 0;
  snprintf(call->host, sizeof call->host, "%.*s", (int)(host_end - host), host);
  snprintf(call->port, sizeof call->port, "%.*s", (int)port_size, port);
  return 1;
}

static int parse_call(struct call *call, const char *query) {
  char text[MAX_TEXT], timeout[16];
  *call = (struct call){.type = SOCK_STREAM, .seconds = DEFAULT_SECONDS};
  if (field(query, "timeout", timeout, sizeof timeout)) call->seconds = atoi(timeout);
  if (call->seconds < 1 || call->seconds > MAX_SECONDS) return 0;
  if (field(query, "tcp", text, sizeof text)) return split_address(call, text, strlen(text), "");
  if (field(query, "udp", text, sizeof text)) return call->type = SOCK_DGRAM, split_address(call, text, strlen(text), "");
  if (!field(query, "url", text, sizeof text) || strncmp(text, "http://", 7) != 0) return 0;
  size_t size = strcspn(text + 7, "/?");
  call->is_http = 1;
  snprintf(call->path, sizeof call->path, "%s%s", text[7 + size] == '/' ? "" : "/", text + 7 + size);
  return split_address(call, text + 7, size, "80");
}

// Non-blocking as long as it connects, so that the limit holds for that too.
static int connect_within(const struct addrinfo *to, const struct call *call) {
  int fd = socket(to->ai_family, to->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error = 0;
  if (fd < 0) return -1;
  socklen_t size = sizeof error;
  struct pollfd polled = {fd, POLLOUT, 0};
  if (connect(fd, to->ai_addr, to->ai_addrlen) < 0 && errno != EINPROGRESS) error = errno;
  else if (poll(&polled, 1, call->seconds * 1000) == 0) error = ETIMEDOUT;
  else getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error == 0) return fd;
  close(fd);
  errno = error;
  return -1;
}

static size_t receive(int fd, const struct call *call, char *answer, size_t size) {
  size_t used = 0;
  struct pollfd polled = {fd, POLLIN, 0};
  while (used < size) {
    int left = call->seconds * 1000 - (int)milliseconds();
    if (left <= 0 || poll(&polled, 1, left) == 0) {
      errno = ETIMEDOUT;
      break;
    }
    ssize_t n = read(fd, answer + used, size - used);
    if (n <= 0) break;
    used += (size_t)n;
    if (call->type == SOCK_DGRAM || (!call->is_http && answer[used - 1] == '\n')) break;
  }
  return used;
}

static int waiting_client;

// Resolving has no time limit of its own. Nothing of what it interrupts is used again.
static void give_up_resolving(int number) {
  (void)number;
  give_up(waiting_client, "Cannot resolve the name in time: no name server answers");
}

static _Noreturn void call_and_answer(int client, const struct call *call) {
  char what[512], address[INET6_ADDRSTRLEN], port[16], request[MAX_TEXT], answer[MAX_ANSWER], text[2 * MAX_ANSWER];
  struct addrinfo hints = {.ai_socktype = call->type}, *found, *each;
  waiting_client = client;
  signal(SIGALRM, give_up_resolving);
  alarm((unsigned)call->seconds);
  int error = getaddrinfo(call->host, call->port, &hints, &found), fd = -1;
  alarm(0);
  if (error) snprintf(what, sizeof what, "Cannot resolve %s: %s", call->host, gai_strerror(error)), give_up(client, what);
  for (each = found; each && (fd = connect_within(each, call)) < 0;) each = each->ai_next;
  if (fd < 0) snprintf(what, sizeof what, "Cannot connect to %s port %s: %s", call->host, call->port, strerror(errno)), give_up(client, what);
  getnameinfo(each->ai_addr, each->ai_addrlen, address, sizeof address, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
  int size = call->is_http ? snprintf(request, sizeof request, "GET %s HTTP/1.0\r\nHost: %s:%s\r\n\r\n", call->path, call->host, call->port)
                           : snprintf(request, sizeof request, "hello\n");
  errno = 0;
  if (send(fd, request, (size_t)size, MSG_NOSIGNAL) < 0)
    snprintf(what, sizeof what, "Cannot send to %s port %s: %s", address, port, strerror(errno)), give_up(client, what);
  size_t got = receive(fd, call, answer, sizeof answer - 1);
  answer[got] = 0;
  if (got == 0)
    snprintf(what, sizeof what, "No answer from %s port %s: %s", address, port, errno ? strerror(errno) : "the connection was closed"), give_up(client, what);
  const char *body = answer;
  int status = 200;
  if (call->is_http) {
    sscanf(answer, "HTTP/%*s %d", &status);
    const char *blank = strstr(answer, "\r\n\r\n");
    if (blank) body = blank + 4;
  }
  json_text(text, sizeof text, body, strlen(body));
  char whole[2 * MAX_ANSWER + 256];
  const char *open = strchr(address, ':') ? "[" : "", *close_bracket = *open ? "]" : "";
  size = snprintf(whole, sizeof whole, "{\"ok\":%s,\"to\":\"%s%s%s:%s\",\"ms\":%.3f,\"status\":%d,\"answer\":\"%s\"}\n",
                  status < 400 ? "true" : "false", open, address, close_bracket, port, milliseconds(), status, text);
  send_http(client, 200, "application/json", whole, (size_t)size);
  _exit(0);
}

int start_call(int fd, const char *query) {
  struct call call;
  if (!parse_call(&call, query)) {
    static const char help[] = "Cannot call: needs url=http://HOST[:PORT]/PATH, tcp=HOST:PORT or udp=HOST:PORT, and timeout= of 1 to 60\n";
    send_http(fd, 400, "text/plain", help, sizeof help - 1);
    return 1;
  }
  static const char busy[] = "Cannot call: too many calls run already, try again\n";
  pid_t child = calls < MAX_CALLS ? fork() : -1;
  if (child > 0) return calls++, 0;
  if (child < 0) return send_http(fd, 503, "text/plain", busy, sizeof busy - 1), 1;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  signal(SIGTERM, SIG_DFL);
  call_and_answer(fd, &call);
}
