// A container's process and its parent: what it writes goes to the log, how it ended to the status file.
//
//   kubelet ──run──► twill-pod (ends when ARGV runs) ──► monitor, in --monitor-cgroup ──► ARGV, in --cgroup
//
// The monitor is nobody's child but init's, so that containers outlive the kubelet; a kubelet that comes later reads the same files.
#define _GNU_SOURCE
#include "attach.h"
#include "cgroup.h"
#include "clock.h"
#include "cri-log.h"
#include "fail.h"
#include "launch.h"
#include "role.h"
#include "spec.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

static struct output outputs[] = {{.name = "stdout", .stream = 1}, {.name = "stderr", .stream = 2}};
static char started_at[TIME_SIZE];

// Whole or not at all: a kubelet may look at any moment.
static void write_status(pid_t pid, const int *outcome) {
  char fresh[4096], text[512], finished_at[TIME_SIZE];
  int size = snprintf(text, sizeof text, "{\"pid\":%d,\"startedAt\":\"%s\"", pid, started_at);
  if (outcome) {
    format_now(finished_at);
    size += snprintf(text + size, sizeof text - (size_t)size, ",\"finishedAt\":\"%s\",\"exitCode\":%d,\"signal\":%d", finished_at,
                     exit_code_of(*outcome), WIFSIGNALED(*outcome) ? WTERMSIG(*outcome) : 0);
  }
  size += snprintf(text + size, sizeof text - (size_t)size, "}\n");
  snprintf(fresh, sizeof fresh, "%s.new", spec.status);
  int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0 || write(fd, text, (size_t)size) != size || close(fd) < 0 || rename(fresh, spec.status) < 0)
    fail("Cannot write the status %s: %s", spec.status, strerror(errno));
}

static void make_pipe(int ends[2]) {
  if (pipe2(ends, O_CLOEXEC) < 0) fail("Cannot make a pipe: %s", strerror(errno));
}

static pid_t start_with_pipes(void) {
  int out[2], err[2], in[2] = {-1, -1};
  make_pipe(out), make_pipe(err);
  if (spec.stdin_open) make_pipe(in);
  else in[0] = open_null();
  if (spec.attach) open_attach(spec.attach, in[1], -1);
  pid_t pid = launch(&(struct streams){in[0], out[1], err[1]}, 1);
  close(in[0]), close(out[1]), close(err[1]);
  outputs[0].fd = out[0], outputs[1].fd = err[0];
  return pid;
}

static pid_t start_with_terminal(void) {
  int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int slave = master < 0 || unlockpt(master) < 0 ? -1 : ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) fail("Cannot make a terminal: %s", strerror(errno));
  int input = fcntl(master, F_DUPFD_CLOEXEC, 0);
  if (spec.attach) open_attach(spec.attach, input, master);
  pid_t pid = launch(&(struct streams){slave, slave, slave}, 1);
  close(slave);
  outputs[0].fd = master, outputs[1].fd = -1;
  return pid;
}

// Signals as a descriptor, so that one poll waits for everything.
static int open_signals(void) {
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  int fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (fd < 0) fail("Cannot wait for signals: %s", strerror(errno));
  return fd;
}

// Returns whether the container has ended. Children of a killed container without a pid namespace of its own become ours too.
static int handle_signal(int signals, pid_t container, int *outcome) {
  struct signalfd_siginfo info;
  int ended = 0, each;
  while (read(signals, &info, sizeof info) == sizeof info)
    if (info.ssi_signo != SIGCHLD) kill(container, (int)info.ssi_signo);
  for (pid_t pid; (pid = waitpid(-1, &each, WNOHANG)) > 0;)
    if (pid == container) *outcome = each, ended = 1;
  return ended;
}

static int watch(pid_t container, int signals) {
  int outcome = 0;
  for (int ended = 0; !ended;) {
    struct pollfd polled[3 + MAX_ATTACH_POLLED] = {{outputs[0].fd, POLLIN, 0}, {outputs[1].fd, POLLIN, 0}, {signals, POLLIN, 0}};
    int count = 3 + await_attached(polled + 3);
    if (poll(polled, (nfds_t)count, -1) < 0 && errno != EINTR) fail("Cannot wait for the container: %s", strerror(errno));
    for (int i = 0; i < 2; i++)
      if (polled[i].revents) log_output(&outputs[i]);
    serve_attached(polled + 3);
    if (polled[2].revents) ended = handle_signal(signals, container, &outcome);
  }
  // What it wrote last. A process it left behind may hold the pipe open for good: nobody waits for that.
  for (int i = 0; i < 2; i++) {
    struct pollfd rest = {outputs[i].fd, POLLIN, 0};
    while (outputs[i].fd >= 0 && poll(&rest, 1, 0) > 0) log_output(&outputs[i]);
  }
  end_attached();
  if (spec.attach) unlink(spec.attach);
  write_status(container, &outcome);
  return exit_code_of(outcome);
}

// `started` receives the container's process id; whoever waits learns by the closed pipe that it is there.
static int monitor(int failure, volatile pid_t *started) {
  fail_fd = failure;
  if (spec.detach) setsid();
  open_log(spec.log);
  int signals = open_signals();
  pid_t container = spec.tty ? start_with_terminal() : start_with_pipes();
  format_now(started_at);
  write_status(container, NULL);
  *started = container;
  if (spec.detach) {
    int null = open_null();
    for (int to = 0; to < 3; to++) dup2(null, to);
    close(null);
    close(failure);
    fail_fd = 2;
    (void)!chdir("/");
  }
  return watch(container, signals);
}

int run_role(char **args) {
  parse_spec(args);
  if (!spec.log || !spec.status) fail("Cannot run a container: needs --log FILE and --status FILE");
  volatile pid_t *started = mmap(NULL, sizeof *started, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (started == MAP_FAILED) fail("Cannot share memory with the monitor: %s", strerror(errno));
  if (!spec.detach) return monitor(2, started);
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) < 0) fail("Cannot make a pipe: %s", strerror(errno));
  if (fork_into(open_cgroup(spec.monitor_cgroup), 0) == 0) _exit(monitor(failure[1], started));
  close(failure[1]);
  char sentence[2048];
  ssize_t size = 0, n;
  while ((n = read(failure[0], sentence + size, sizeof sentence - (size_t)size)) > 0) size += n;
  while (size > 0 && sentence[size - 1] == '\n') size--;
  if (size > 0) fail("%.*s", (int)size, sentence);
  if (*started == 0) fail("Cannot run %s: its monitor was killed", spec.argv[0]);
  printf("%d\n", *started);
  return fflush(stdout) != 0;
}
