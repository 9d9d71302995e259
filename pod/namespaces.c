// Sets of namespaces by their names in /proc/PID/ns, as the bits of clone(2).
#define _GNU_SOURCE
#include "namespaces.h"
#include "fail.h"
#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct namespace_name namespace_names[] = {
    {"net", CLONE_NEWNET}, {"mnt", CLONE_NEWNS},  {"uts", CLONE_NEWUTS},
    {"ipc", CLONE_NEWIPC}, {"pid", CLONE_NEWPID}, {"cgroup", CLONE_NEWCGROUP},
    {NULL, 0}};

static int flag_of(const char *name, size_t size) {
  for (const struct namespace_name *each = namespace_names; each->name; each++)
    if (strlen(each->name) == size && strncmp(each->name, name, size) == 0) return each->flag;
  fail("Cannot find namespace \"%.*s\": known are net, mnt, uts, ipc, pid and cgroup", (int)size, name);
}

int parse_namespaces(const char *list) {
  int flags = 0;
  for (size_t size; *list; list += size + (list[size] == ',')) {
    size = strcspn(list, ",");
    flags |= flag_of(list, size);
  }
  return flags;
}

int open_process(const char *pid) {
  int fd = (int)syscall(SYS_pidfd_open, atoi(pid), 0);
  if (fd < 0) fail("Cannot enter the namespaces of process %s: %s", pid, strerror(errno));
  return fd;
}

void join_namespaces(int process, int flags) {
  if (flags != 0 && setns(process, flags) < 0) fail("Cannot enter the namespaces of a process: %s", strerror(errno));
}
