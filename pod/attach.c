// Clients of a running container: they type into it and see what it writes, as long as they like.
#define _GNU_SOURCE
#include "attach.h"
#include "fail.h"
#include "flow.h"
#include "role.h"
#include "spec.h"
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

enum { CONTROL, INPUT, SIZES, POLLED_EACH };
enum { STREAMS = 3, MAX_PASSED = 4, PATIENCE_MS = 1000 };

struct client {
  int control; // 0: free
  int streams[MAX_PASSED];
  struct flow input;
};

static struct client clients[MAX_CLIENTS];
static int listener = -1, container_input = -1, container_terminal = -1;

static struct sockaddr_un address_of(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) fail("Cannot attach at %s: a socket's path has at most 107 bytes", path);
  strcpy(address.sun_path, path);
  return address;
}

void open_attach(const char *path, int input, int terminal) {
  struct sockaddr_un address = address_of(path);
  unlink(path);
  listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (listener < 0 || bind(listener, (void *)&address, sizeof address) < 0 || listen(listener, MAX_CLIENTS) < 0)
    fail("Cannot listen at %s: %s", path, strerror(errno));
  container_input = input, container_terminal = terminal;
  if (input >= 0) make_nonblocking(input);
}

static void end_input(void) {
  if (container_input < 0 || container_terminal >= 0) return;
  close(container_input);
  container_input = -1;
}

static void drop(struct client *client) {
  for (int i = 0; i < MAX_PASSED; i++)
    if (client->streams[i] >= 0) close(client->streams[i]);
  close(client->control);
  client->control = 0;
  if (spec.stdin_once) end_input();
}

static void accept_client(void) {
  char byte, control[CMSG_SPACE(MAX_PASSED * sizeof(int))];
  struct iovec part = {&byte, 1};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  struct client *client = clients;
  while (client < clients + MAX_CLIENTS && client->control > 0) client++;
  if (fd < 0) return;
  struct timeval patience = {.tv_sec = 1};
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (client == clients + MAX_CLIENTS || recvmsg(fd, &message, MSG_CMSG_CLOEXEC) != 1) {
    close(fd);
    return;
  }
  client->control = fd;
  memset(client->streams, -1, sizeof client->streams);
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  size_t size = header && header->cmsg_type == SCM_RIGHTS ? header->cmsg_len - CMSG_LEN(0) : 0;
  if (size > 0) memcpy(client->streams, CMSG_DATA(header), size);
  if (size < STREAMS * sizeof(int)) return drop(client);
  for (int i = 0; i < STREAMS; i++) make_nonblocking(client->streams[i]);
  client->input.from = client->streams[0], client->input.to = container_input, client->input.begin = client->input.end = 0;
}

int await_attached(struct pollfd *polled) {
  int count = 0;
  polled[count++] = (struct pollfd){listener, POLLIN, 0};
  for (struct client *each = clients; each < clients + MAX_CLIENTS; each++, count += POLLED_EACH) {
    int there = each->control > 0;
    polled[count + CONTROL] = (struct pollfd){there ? each->control : -1, POLLIN, 0};
    if (there && container_input >= 0) await_flow(&each->input, &polled[count + INPUT]);
    else polled[count + INPUT].fd = -1, polled[count + INPUT].revents = 0;
    polled[count + SIZES] = (struct pollfd){there && container_terminal >= 0 ? each->streams[STREAMS] : -1, POLLIN, 0};
  }
  return count;
}

static void take_size(struct client *client) {
  uint16_t size[2];
  if (read(client->streams[STREAMS], size, sizeof size) == sizeof size) {
    ioctl(container_terminal, TIOCSWINSZ, &(struct winsize){.ws_col = size[0], .ws_row = size[1]});
    return;
  }
  close(client->streams[STREAMS]);
  client->streams[STREAMS] = -1;
}

void serve_attached(const struct pollfd *polled) {
  const struct pollfd *own = polled + 1;
  for (struct client *each = clients; each < clients + MAX_CLIENTS; each++, own += POLLED_EACH) {
    if (each->control <= 0) continue;
    if (own[INPUT].revents && own[INPUT].fd >= 0) move_flow(&each->input);
    if (own[SIZES].revents) take_size(each);
    if (own[INPUT].revents && flow_is_over(&each->input) && spec.stdin_once) end_input();
    if (own[CONTROL].revents) drop(each); // It has nothing to say but that it is gone.
  }
  if (polled[0].revents) accept_client();
}

// A client that does not read holds the container up for a moment, and is dropped then.
static int write_within(int fd, const char *bytes, size_t size) {
  for (ssize_t n; size > 0; bytes += n > 0 ? n : 0, size -= n > 0 ? (size_t)n : 0) {
    if ((n = write(fd, bytes, size)) >= 0 || errno == EINTR) continue;
    struct pollfd polled = {fd, POLLOUT, 0};
    if (errno != EAGAIN || poll(&polled, 1, PATIENCE_MS) <= 0) return -1;
  }
  return 0;
}

void show_attached(int stream, const char *bytes, size_t size) {
  for (struct client *each = clients; each < clients + MAX_CLIENTS; each++)
    if (each->control > 0 && write_within(each->streams[stream], bytes, size) < 0) drop(each);
}

void end_attached(void) {
  for (struct client *each = clients; each < clients + MAX_CLIENTS; each++)
    if (each->control > 0) drop(each);
}

// The client's side: hands its streams over and waits for the end.
int attach_role(char **args) {
  int count = args[0] && args[1] && strcmp(args[1], "--tty") == 0 ? MAX_PASSED : STREAMS;
  if (!args[0]) fail("Cannot attach: the arguments are SOCKET [--tty]");
  struct sockaddr_un address = address_of(args[0]);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), passed[MAX_PASSED] = {0, 1, 2, 3};
  if (fd < 0 || connect(fd, (void *)&address, sizeof address) < 0) fail("Cannot attach at %s: %s", args[0], strerror(errno));
  char byte = 0, control[CMSG_SPACE(sizeof passed)] = {0};
  struct iovec part = {&byte, 1};
  size_t size = (size_t)count * sizeof(int);
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(size)};
  struct cmsghdr *header = CMSG_FIRSTHDR(&message);
  *header = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(size)};
  memcpy(CMSG_DATA(header), passed, size);
  if (sendmsg(fd, &message, MSG_NOSIGNAL) != 1) fail("Cannot attach at %s: %s", args[0], strerror(errno));
  for (int each = 0; each < count; each++) close(each); // The monitor has them; who reads our output waits for its end.
  while (read(fd, &byte, 1) > 0) continue;
  return 0;
}
