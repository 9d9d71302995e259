// Waiting for a child as if it were this process.
#include "wait.h"
#include "fail.h"
#include "launch.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
static pid_t receiver;

static void pass_on(int number) { kill(receiver, number); }

int wait_as(pid_t child) {
  receiver = child;
  struct sigaction action = {.sa_handler = pass_on, .sa_flags = SA_RESTART};
  for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) sigaction(passed_on[i], &action, NULL);
  int outcome;
  while (waitpid(child, &outcome, 0) < 0)
    if (errno != EINTR) fail("Cannot wait for process %d: %s", child, strerror(errno));
  return exit_code_of(outcome);
}
