// Folders of cgroup v2, and being born in one.
#define _GNU_SOURCE
#include "cgroup.h"
#include "fail.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int open_cgroup(const char *path) {
  if (!path) return -1;
  char part[4096];
  if (strlen(path) >= sizeof part) fail("Cannot use cgroup %.80s…: its path has over %zu bytes", path, sizeof part - 1);
  strcpy(part, path);
  for (char *slash = strchr(part + 1, '/');; slash = strchr(slash + 1, '/')) {
    if (slash) *slash = 0;
    mkdir(part, 0755); // What fails here shows when it is opened.
    if (!slash) break;
    *slash = '/';
  }
  int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) fail("Cannot use cgroup %s: %s", path, strerror(errno));
  return fd;
}

// struct clone_args of linux/sched.h, which musl lacks.
struct clone_args {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};

static pid_t *outer;

pid_t outer_pid(void) { return *outer; }

pid_t fork_into(int cgroup, int flags) {
  const uint64_t into_cgroup = 0x200000000, parent_settid = 0x100000;
  outer = mmap(NULL, sizeof *outer, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (outer == MAP_FAILED) fail("Cannot share memory with a new process: %s", strerror(errno));
  struct clone_args args = {
      .flags = (uint64_t)(unsigned)flags | parent_settid, .parent_tid = (uint64_t)(uintptr_t)outer, .exit_signal = SIGCHLD};
  if (cgroup >= 0) args.flags |= into_cgroup, args.cgroup = (uint64_t)cgroup;
  pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
  if (pid < 0) fail("Cannot start a process%s: %s", cgroup < 0 ? "" : " in its cgroup", strerror(errno));
  return pid;
}
