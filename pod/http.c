// The stand-in's pages: what it answers to a request line.
#define _GNU_SOURCE
#include "http.h"
#include "call.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int ready = 1, healthy = 1;

int looks_like_http(const char *bytes, size_t size) {
  static const char *methods[] = {"GET ", "HEAD ", "POST ", "PUT ", "DELETE ", "OPTIONS ", "PATCH "};
  int perhaps = 0;
  for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
    size_t length = strlen(methods[i]);
    if (size >= length && memcmp(bytes, methods[i], length) == 0) return 1;
    if (size < length && memcmp(bytes, methods[i], size) == 0) perhaps = 1;
  }
  return perhaps ? -1 : 0;
}

static const char *reason_of(int status) {
  switch (status) {
  case 200: return "OK";
  case 404: return "Not Found";
  case 502: return "Bad Gateway";
  case 503: return "Service Unavailable";
  default: return "Bad Request";
  }
}

void send_http(int fd, int status, const char *type, const char *body, size_t size) {
  char head[256];
  int head_size = snprintf(head, sizeof head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n\r\n",
                           status, reason_of(status), type, size);
  struct iovec parts[] = {{head, (size_t)head_size}, {(void *)body, size}};
  struct msghdr message = {.msg_iov = parts, .msg_iovlen = 2};
  (void)!sendmsg(fd, &message, MSG_NOSIGNAL);
}

static void send_text(int fd, int status, const char *text) { send_http(fd, status, "text/plain", text, strlen(text)); }

static void send_environment(int fd) {
  static char text[32 << 10];
  size_t used = 0;
  for (char **each = environ; *each && used + strlen(*each) + 2 < sizeof text; each++) used += (size_t)sprintf(text + used, "%s\n", *each);
  send_http(fd, 200, "text/plain", text, used);
}

static void set_health(int fd, const char *query, int good) {
  if (!query || strcmp(query, "ready") == 0) ready = good;
  if (!query || strcmp(query, "health") == 0) healthy = good;
  send_text(fd, 200, good ? "recovered\n" : "failing from now on\n");
}

int answer_http(int fd, char *request, struct caller *caller) {
  caller->protocol = "http";
  caller->method = strtok(request, " ");
  char *path = strtok(NULL, " \r\n"), *query;
  if (!path) return send_text(fd, 400, "Cannot read the request line\n"), 1;
  caller->path = path;
  char *question = strchr(path, '?');
  query = question ? question + 1 : NULL;
  size_t length = question ? (size_t)(question - path) : strlen(path);
#define IS(page) (length == strlen(page) && memcmp(path, page, length) == 0)
  printf("%s %s\n", caller->method, path);
  if (IS("/call")) return start_call(fd, query ? query : "");
  if (IS("/healthz")) send_text(fd, healthy ? 200 : 503, healthy ? "ok\n" : "failing on request\n");
  else if (IS("/readyz")) send_text(fd, ready ? 200 : 503, ready ? "ok\n" : "failing on request\n");
  else if (IS("/fail")) set_health(fd, query, 0);
  else if (IS("/recover")) set_health(fd, query, 1);
  else if (IS("/env")) send_environment(fd);
  else if (IS("/exit")) {
    send_text(fd, 200, "bye\n");
    shutdown(fd, SHUT_WR);
    printf("ending on request\n");
    exit(query && strncmp(query, "code=", 5) == 0 ? atoi(query + 5) : 0);
  } else {
    // Every other path is a page too: probes and ingress paths of real images are to work.
    char body[4096];
    send_http(fd, 200, "application/json", body, tell_facts(body, sizeof body, caller));
  }
#undef IS
  return 1;
}
