// Who can be reached from inside another process's namespaces: many connections at once, each told by how it ended.
//
//   twill-pod probe --pid PID --cgroup DIR --timeout MS   < "tcp 10.244.1.7 8080\nudp backend.shop 8125\n"
//
// For each line of standard input one line of output, as they end: "NUMBER RESULT MICROSECONDS ADDRESS", NUMBER from 0 in the
// order of the input. RESULT: open; refused (somebody said that nobody is there); unreachable (a router, or no route); silent
// (nothing came back in time); unknown (no such name); unresolved (no name server said anything). ADDRESS is "-" without one.
// In DIR it counts as one of that process's own: programs of control groups see its sockets.
// A TCP connection is open when it is made, a UDP port when it answers a datagram: at port 53 a question, as name servers answer
// nothing else. Names are resolved as that process would.
#define _GNU_SOURCE
#include "cgroup.h"
#include "fail.h"
#include "namespaces.h"
#include "role.h"
#include "wait.h"
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A first packet may be lost while neighbours look for each other: each attempt gets its share of the time.
enum { MAX_OPEN = 128, MAX_RESOLVERS = 32, ATTEMPTS = 3, MAX_HOST = 254 };

struct target {
  char host[MAX_HOST], port[8];
  int type, failure; // failure: of getaddrinfo(3)
  struct sockaddr_storage address;
  socklen_t size;
  struct target *same; // an earlier one with the same host, which is resolved instead
};

struct attempt {
  struct target *target; // NULL: free
  int fd, count;
  double begun, sent;
};

static struct target *targets;
static size_t target_count;
static int timeout_ms = 1000;

static double now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void read_targets(void) {
  char line[512], protocol[8];
  size_t room = 0;
  while (fgets(line, sizeof line, stdin)) {
    if (target_count == room && !(targets = realloc(targets, (room = room ? 2 * room : 256) * sizeof *targets))) fail("Cannot read targets: out of memory");
    struct target *target = &targets[target_count];
    *target = (struct target){0};
    if (sscanf(line, "%7s %253s %7s", protocol, target->host, target->port) != 3) fail("Cannot read line %zu: it must be PROTOCOL HOST PORT", target_count + 1);
    if (strcmp(protocol, "tcp") != 0 && strcmp(protocol, "udp") != 0) fail("Cannot probe by %s: known are tcp and udp", protocol);
    target->type = *protocol == 't' ? SOCK_STREAM : SOCK_DGRAM;
    target_count++;
  }
}

static void tell(const struct target *target, const char *result, double ms) {
  char host[INET6_ADDRSTRLEN] = "-";
  if (target->size) getnameinfo((const void *)&target->address, target->size, host, sizeof host, NULL, 0, NI_NUMERICHOST);
  printf("%zu %s %.0f %s\n", (size_t)(target - targets), result, ms * 1e3, host);
}

struct answer {
  int failure;
  socklen_t size;
  struct sockaddr_storage address;
};

static int look_up(const char *host, const char *port, int flags, struct answer *answer) {
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}, *found;
  *answer = (struct answer){.failure = getaddrinfo(host, port, &hints, &found)};
  if (answer->failure) return answer->failure;
  memcpy(&answer->address, found->ai_addr, found->ai_addrlen);
  answer->size = found->ai_addrlen;
  freeaddrinfo(found);
  return 0;
}

// Resolving has no time limit of its own: each name is looked up by a child, which ends when the time does.
static void resolve_some(struct target **asked, int count) {
  struct pollfd pipes[MAX_RESOLVERS];
  double end = now_ms() + timeout_ms;
  for (int i = 0; i < count; i++) {
    int ends[2];
    struct answer answer;
    if (pipe(ends) < 0) fail("Cannot make a pipe: %s", strerror(errno));
    pid_t child = fork();
    if (child < 0) fail("Cannot start a process: %s", strerror(errno));
    if (child == 0) {
      close(1), close(2); // Who reads the results waits for the end of all that may write some.
      alarm((unsigned)(timeout_ms + 999) / 1000);
      look_up(asked[i]->host, asked[i]->port, 0, &answer);
      _exit(write(ends[1], &answer, sizeof answer) != sizeof answer);
    }
    close(ends[1]);
    pipes[i] = (struct pollfd){ends[0], POLLIN, 0};
  }
  for (int i = 0; i < count; i++) {
    struct answer answer = {.failure = EAI_AGAIN};
    int left = (int)(end - now_ms());
    if (poll(&pipes[i], 1, left > 0 ? left : 0) == 1 && read(pipes[i].fd, &answer, sizeof answer) != sizeof answer) answer.failure = EAI_AGAIN;
    close(pipes[i].fd);
    asked[i]->failure = answer.failure, asked[i]->address = answer.address, asked[i]->size = answer.failure ? 0 : answer.size;
  }
}

static void resolve(void) {
  struct target *asked[MAX_RESOLVERS];
  int count = 0;
  for (struct target *each = targets; each < targets + target_count; each++) {
    struct answer answer;
    if (look_up(each->host, each->port, AI_NUMERICHOST | AI_NUMERICSERV, &answer) == 0) {
      each->address = answer.address, each->size = answer.size;
      continue;
    }
    for (struct target *earlier = targets; earlier < each && !each->same; earlier++)
      if (!earlier->same && strcmp(earlier->host, each->host) == 0) each->same = earlier;
    if (each->same) continue;
    asked[count++] = each;
    if (count == MAX_RESOLVERS) resolve_some(asked, count), count = 0;
  }
  resolve_some(asked, count);
  for (struct target *each = targets; each < targets + target_count; each++) {
    if (!each->same) continue;
    each->failure = each->same->failure, each->address = each->same->address, each->size = each->same->size;
    // The place of the port is the same for both families.
    ((struct sockaddr_in *)&each->address)->sin_port = htons((unsigned short)atoi(each->port));
  }
}

static const char *result_of(int error) {
  if (error == 0) return "open";
  if (error == ECONNREFUSED || error == ECONNRESET) return "refused";
  if (error == ETIMEDOUT || error == EAGAIN) return "silent";
  return "unreachable";
}

static void end_attempt(struct attempt *attempt, int error) {
  if (attempt->fd >= 0) close(attempt->fd);
  tell(attempt->target, result_of(error), now_ms() - attempt->begun);
  attempt->target = NULL;
}

// RFC 1035, 4.1: identification 1, recursion desired, one question: addresses (A, IN) of a name that every cluster has.
static const char question[] = "\0\1" "\1\0" "\0\1" "\0\0" "\0\0" "\0\0"
                               "\12kubernetes" "\7default" "\3svc" "\7cluster" "\5local" "\0" "\0\1" "\0\1";

static ssize_t send_datagram(const struct attempt *attempt) {
  if (strcmp(attempt->target->port, "53") == 0) return send(attempt->fd, question, sizeof question - 1, MSG_NOSIGNAL);
  return send(attempt->fd, "hello\n", 6, MSG_NOSIGNAL);
}

// A new socket, so that a new first packet goes out at once. UDP keeps its own: an answer to any datagram counts.
static void send_first(struct attempt *attempt) {
  struct target *target = attempt->target;
  attempt->sent = now_ms(), attempt->count++;
  if (target->type == SOCK_STREAM || attempt->fd < 0) {
    if (attempt->fd >= 0) close(attempt->fd);
    attempt->fd = socket(target->address.ss_family, target->type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (attempt->fd < 0 || (connect(attempt->fd, (void *)&target->address, target->size) < 0 && errno != EINPROGRESS)) return end_attempt(attempt, errno);
  }
  if (target->type == SOCK_DGRAM && send_datagram(attempt) < 0) end_attempt(attempt, errno);
}

static void look(struct attempt *attempt, int has_news) {
  int error = 0;
  char byte;
  socklen_t size = sizeof error;
  if (has_news && attempt->target->type == SOCK_STREAM) {
    getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return end_attempt(attempt, error);
  }
  if (has_news) return end_attempt(attempt, recv(attempt->fd, &byte, 1, 0) < 0 ? errno : 0);
  double now = now_ms();
  if (now - attempt->begun >= timeout_ms) end_attempt(attempt, ETIMEDOUT);
  else if (attempt->count < ATTEMPTS && now - attempt->sent >= (double)timeout_ms / ATTEMPTS) send_first(attempt);
}

static void connect_all(void) {
  static struct attempt attempts[MAX_OPEN];
  struct target *next = targets;
  for (int busy = 1; busy || next < targets + target_count;) {
    struct pollfd polled[MAX_OPEN];
    for (struct attempt *each = attempts; each < attempts + MAX_OPEN; each++)
      while (!each->target && next < targets + target_count) {
        struct target *target = next++;
        if (target->failure) {
          tell(target, target->failure == EAI_AGAIN ? "unresolved" : "unknown", 0);
          continue;
        }
        *each = (struct attempt){.target = target, .fd = -1, .begun = now_ms()};
        send_first(each);
      }
    busy = 0;
    for (int i = 0; i < MAX_OPEN; i++) {
      struct attempt *each = &attempts[i];
      short events = each->target && each->target->type == SOCK_DGRAM ? POLLIN : POLLOUT;
      polled[i] = (struct pollfd){each->target ? each->fd : -1, events, 0};
      busy += each->target != NULL;
    }
    if (!busy) continue;
    poll(polled, MAX_OPEN, timeout_ms / (4 * ATTEMPTS) + 1);
    for (int i = 0; i < MAX_OPEN; i++)
      if (attempts[i].target) look(&attempts[i], polled[i].revents != 0);
    fflush(stdout);
  }
}

int probe_role(char **args) {
  const char *pid = NULL, *cgroup = NULL;
  for (; args[0]; args += 2) {
    if (!args[1]) fail("Cannot read %s: its value is missing", args[0]);
    if (strcmp(args[0], "--pid") == 0) pid = args[1];
    else if (strcmp(args[0], "--cgroup") == 0) cgroup = args[1];
    else if (strcmp(args[0], "--timeout") == 0) timeout_ms = atoi(args[1]);
    else fail("Cannot read %s: options of probe are --pid PID, --cgroup DIR and --timeout MS", args[0]);
  }
  if (timeout_ms < 1) fail("Cannot wait for %d ms: --timeout must be 1 or more", timeout_ms);
  if (cgroup) {
    pid_t child = fork_into(open_cgroup(cgroup), 0);
    if (child > 0) return wait_as(child);
  }
  signal(SIGPIPE, SIG_DFL);
  signal(SIGCHLD, SIG_IGN);
  // The mount namespace has the resolver's configuration.
  if (pid) join_namespaces(open_process(pid), CLONE_NEWNET | CLONE_NEWNS);
  read_targets();
  resolve();
  connect_all();
  return 0;
}
