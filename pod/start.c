// Starts a process in namespaces, mounts and a cgroup, and stays with it or lets it go.
#include "fail.h"
#include "launch.h"
#include "role.h"
#include "spec.h"
#include "wait.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int start_role(char **args) {
  parse_spec(args);
  struct streams streams = {-1, -1, -1};
  if (spec.detach || spec.log) streams.in = open_null();
  if (spec.log) {
    streams.out = streams.err = open(spec.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (streams.out < 0) fail("Cannot open the log %s: %s", spec.log, strerror(errno));
  } else if (spec.detach) {
    streams.out = streams.err = streams.in;
  }
  pid_t child = launch(&streams, spec.detach);
  if (!spec.detach) return wait_as(child);
  printf("%d\n", child);
  return fflush(stdout) != 0;
}
