// From a parsed request to a running process.
#define _GNU_SOURCE
#include "launch.h"
#include "cgroup.h"
#include "fail.h"
#include "mounts.h"
#include "namespaces.h"
#include "spec.h"
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

int open_null(void) {
  int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (fd < 0) fail("Cannot open /dev/null: %s", strerror(errno));
  return fd;
}

void reset_signals(void) {
  for (int signal_number = 1; signal_number < NSIG; signal_number++)
    if (signal_number != SIGKILL && signal_number != SIGSTOP) signal(signal_number, SIG_DFL);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

int exit_code_of(int outcome) { return WIFSIGNALED(outcome) ? 128 + WTERMSIG(outcome) : WEXITSTATUS(outcome); }

// What the child could not open: numbers of processes and /proc/self mean nothing in a new pid namespace.
static int entered[MAX_LIST], self_fd = -1;

static void open_before_fork(void) {
  for (int i = 0; i < spec.enter.count; i++) entered[i] = open_process(spec.enter.pairs[i].name);
  if (spec.self && (self_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC)) < 0) fail("Cannot open /proc/self/exe: %s", strerror(errno));
}

static void join_entered(int mask) {
  for (int i = 0; i < spec.enter.count; i++) join_namespaces(entered[i], parse_namespaces(spec.enter.pairs[i].value) & mask);
}

static void keep_namespaces(void) {
  for (struct pair *each = spec.keep.pairs; each < spec.keep.pairs + spec.keep.count; each++) {
    char own[64];
    parse_namespaces(each->name);
    snprintf(own, sizeof own, "/proc/%d/ns/%s", outer_pid(), each->name);
    int fd = open(each->value, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (fd < 0) fail("Cannot make %s: %s", each->value, strerror(errno));
    close(fd);
    if (mount(own, each->value, NULL, MS_BIND, NULL) < 0) fail("Cannot bind the %s namespace to %s: %s", each->name, each->value, strerror(errno));
  }
}

static void write_sysctls(void) {
  for (struct pair *each = spec.sysctl.pairs; each < spec.sysctl.pairs + spec.sysctl.count; each++) {
    char path[512];
    int prefix = snprintf(path, sizeof path, "/proc/sys/%s", each->name);
    // Dots and slashes change places, as sysctl(8) does for names of links that hold a dot.
    for (char *at = path + sizeof "/proc/sys/" - 1; at < path + prefix; at++)
      if (*at == '.') *at = '/';
      else if (*at == '/') *at = '.';
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, each->value, strlen(each->value)) < 0)
      fail("Cannot set sysctl %s to %s: %s", each->name, each->value, strerror(errno));
    close(fd);
  }
}

static void become_user(void) {
  if (!spec.user) return;
  char *rest;
  unsigned long uid = strtoul(spec.user, &rest, 10);
  gid_t groups[64];
  size_t count = 0;
  while (*rest == ':' && count < sizeof groups / sizeof *groups) groups[count++] = (gid_t)strtoul(rest + 1, &rest, 10);
  if (*rest) fail("Cannot become user %s: it must be UID[:GID[:GID...]] in numbers", spec.user);
  if (setgroups(count > 1 ? count - 1 : 0, groups + 1) < 0 || setgid(count > 0 ? groups[0] : 0) < 0 || setuid((uid_t)uid) < 0)
    fail("Cannot become user %s: %s", spec.user, strerror(errno));
}

static void set_environment(void) {
  if (spec.clear_env) clearenv();
  for (struct pair *each = spec.env.pairs; each < spec.env.pairs + spec.env.count; each++) setenv(each->name, each->value, 1);
}

static _Noreturn void run_program(void) {
  if (spec.self) {
    // The name of the executable counts as argument 0, ARGV starts at the role.
    char *args[256] = {"twill-pod"};
    for (int i = 0; i < 254 && spec.argv[i]; i++) args[i + 1] = spec.argv[i];
    syscall(SYS_execveat, self_fd, "", args, environ, AT_EMPTY_PATH);
  } else {
    execvp(spec.argv[0], spec.argv);
  }
  fail("Cannot execute %s: %s", spec.argv[0], strerror(errno));
}

static _Noreturn void become(const struct streams *streams, int new_session) {
  reset_signals();
  if (new_session) setsid();
  join_entered(~CLONE_NEWPID);
  if (unshare(spec.new_flags & ~(CLONE_NEWPID | CLONE_NEWNS)) < 0) fail("Cannot make namespaces: %s", strerror(errno));
  keep_namespaces();
  if (spec.hostname && sethostname(spec.hostname, strlen(spec.hostname)) < 0)
    fail("Cannot set the hostname to %s: %s", spec.hostname, strerror(errno));
  write_sysctls();
  if (spec.new_flags & CLONE_NEWNS) {
    if (unshare(CLONE_NEWNS) < 0) fail("Cannot make a mount namespace: %s", strerror(errno));
    make_mounts();
  }
  if (spec.cwd) make_folders(spec.cwd);
  if (spec.cwd && chdir(spec.cwd) < 0) fail("Cannot work in %s: %s", spec.cwd, strerror(errno));
  const int *fds = &streams->in;
  for (int to = 0; to < 3; to++)
    if (fds[to] >= 0 && dup2(fds[to], to) < 0) fail("Cannot redirect stream %d: %s", to, strerror(errno));
  if (spec.tty) ioctl(0, TIOCSCTTY, 1);
  become_user();
  set_environment();
  run_program();
}

pid_t launch(const struct streams *streams, int new_session) {
  int failure[2];
  if (pipe2(failure, O_CLOEXEC) < 0) fail("Cannot make a pipe: %s", strerror(errno));
  int cgroup = open_cgroup(spec.cgroup);
  open_before_fork();
  join_entered(CLONE_NEWPID);
  pid_t pid = fork_into(cgroup, spec.new_flags & CLONE_NEWPID);
  if (pid == 0) {
    fail_fd = failure[1];
    become(streams, new_session);
  }
  close(failure[1]);
  if (cgroup >= 0) close(cgroup);
  char sentence[2048];
  ssize_t size = 0, n;
  while ((n = read(failure[0], sentence + size, sizeof sentence - (size_t)size)) > 0 || (n < 0 && errno == EINTR))
    if (n > 0) size += n;
  close(failure[0]);
  if (size == 0) return pid;
  waitpid(pid, NULL, 0);
  while (size > 0 && sentence[size - 1] == '\n') size--;
  fail("%.*s", (int)size, sentence);
}
