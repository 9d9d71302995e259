// Runs a program beside a running one: its namespaces, its root, its cgroup, its environment.
#define _GNU_SOURCE
#include "cgroup.h"
#include "fail.h"
#include "launch.h"
#include "namespaces.h"
#include "relay.h"
#include "role.h"
#include "spec.h"
#include "wait.h"
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

static char environment[1 << 20];

// The block that process was executed with (proc_pid_environ(5)), every variable ended by a NUL.
static void take_environment(const char *pid) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%s/environ", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail("Cannot read the environment of process %s: %s", pid, strerror(errno));
  size_t size = 0;
  for (ssize_t n; size < sizeof environment - 1 && (n = read(fd, environment + size, sizeof environment - 1 - size)) > 0;) size += (size_t)n;
  close(fd);
  const char *terminal = getenv("TERM");
  clearenv();
  if (terminal) setenv("TERM", terminal, 1);
  for (char *each = environment; each < environment + size; each += strlen(each) + 1)
    if (strchr(each, '=')) putenv(each);
}

// Namespaces that are ours already are left out: joining the same user's mount namespace again would lose the working folder.
static int differing_namespaces(const char *pid) {
  int flags = 0;
  for (const struct namespace_name *each = namespace_names; each->name; each++) {
    char theirs[64], ours[64];
    struct stat a, b;
    snprintf(theirs, sizeof theirs, "/proc/%s/ns/%s", pid, each->name);
    snprintf(ours, sizeof ours, "/proc/self/ns/%s", each->name);
    if (stat(theirs, &a) < 0) fail("Cannot enter process %s: %s", pid, strerror(errno));
    if (stat(ours, &b) == 0 && a.st_ino != b.st_ino) flags |= each->flag;
  }
  return flags;
}

enum { TERMINAL = 1, RELAY = 2 };

// The terminal becomes that of the new session: job control needs a session whose leader is in the same pid namespace.
static void take_terminal(void) {
  setsid();
  ioctl(0, TIOCSCTTY, 1);
}

static int run_beside(const char *pid, char **argv, int how) {
  char *end;
  if (!isdigit((unsigned char)*pid) || (strtol(pid, &end, 10), *end)) fail("Cannot enter process %s: it must be a number", pid);
  int cgroup = open_cgroup(spec.cgroup);
  take_environment(pid);
  join_namespaces(open_process(pid), differing_namespaces(pid));
  for (struct pair *each = spec.env.pairs; each < spec.env.pairs + spec.env.count; each++) setenv(each->name, each->value, 1);
  if (spec.cwd && chdir(spec.cwd) < 0) fail("Cannot work in %s: %s", spec.cwd, strerror(errno));
  if (how & RELAY) open_relay(how & TERMINAL);
  pid_t child = fork_into(cgroup, 0);
  if (child > 0) return how & RELAY ? relay_until_end(child) : wait_as(child);
  reset_signals();
  if (how & RELAY) take_relayed_streams();
  else if (how & TERMINAL) take_terminal();
  execvp(argv[0], argv);
  int missing = errno == ENOENT;
  dprintf(2, "Cannot execute %s: %s\n", argv[0], strerror(errno));
  _exit(missing ? 127 : 126); // As shells do, and as kubectl's users know it.
}

int exec_role(char **args) {
  const char *pid = NULL;
  int how = 0;
  for (; *args && strcmp(*args, "--") != 0; args++) {
    int flag = strcmp(*args, "--tty") == 0 ? TERMINAL : strcmp(*args, "--relay") == 0 ? RELAY : 0;
    how |= flag;
    if (flag) continue;
    if (!args[1]) fail("Cannot read %s: it is no option of exec, or its value is missing", *args);
    char *value = *++args, *equals = strchr(value, '=');
    if (strcmp(args[-1], "--pid") == 0) pid = value;
    else if (strcmp(args[-1], "--cgroup") == 0) spec.cgroup = value;
    else if (strcmp(args[-1], "--cwd") == 0) spec.cwd = value;
    else if (strcmp(args[-1], "--env") == 0 && equals && spec.env.count < MAX_LIST)
      *equals = 0, spec.env.pairs[spec.env.count++] = (struct pair){value, equals + 1};
    else fail("Cannot read %s %s: options of exec are --pid, --cgroup, --cwd, --env NAME=VALUE, --tty and --relay", args[-1], value);
  }
  if (!pid || !*args || !args[1]) fail("Cannot execute anything: needs --pid PID, and \"-- ARGV\" at the end");
  return run_beside(pid, args + 1, how);
}

int enter_role(char **args) {
  static char *shell[] = {"/bin/sh", "-c", "command -v bash >/dev/null && exec bash -i || exec sh -i", NULL};
  if (!*args) fail("Cannot enter: the process id is missing");
  char **argv = args[1] && strcmp(args[1], "--") == 0 ? args + 2 : args + 1;
  return run_beside(*args, *argv ? argv : shell, isatty(0) ? TERMINAL : 0);
}
