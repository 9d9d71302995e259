// A program's standard streams as pipes or a terminal of their own, passed on to this process's streams until the program ends.
//
// Why not the streams themselves: a caller's may be sockets, which /dev/stdout and /dev/stderr cannot open; a process that the
// program leaves behind would hold them open; and nobody else could end a whole process group when the caller is gone.
#define _GNU_SOURCE
#include "relay.h"
#include "fail.h"
#include "flow.h"
#include "launch.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { INPUT, OUTPUT, ERRORS, FLOWS };
enum { SIZES = FLOWS, SIGNALS, POLLED };
enum { SIZES_FD = 3 };

static struct flow flows[FLOWS];
static int theirs[FLOWS]; // the program's ends
static int master = -1, signals = -1;
static const int default_columns = 80, default_rows = 24;

static void open_pipes(void) {
  for (int i = 0; i < FLOWS; i++) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) fail("Cannot make a pipe: %s", strerror(errno));
    theirs[i] = ends[i == INPUT ? 0 : 1];
    if (i == INPUT) flows[i].to = ends[1];
    else flows[i].from = ends[0];
  }
}

static void open_terminal(void) {
  master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  int slave = master < 0 || unlockpt(master) < 0 ? -1 : ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (slave < 0) fail("Cannot make a terminal: %s", strerror(errno));
  struct winsize size = {.ws_col = default_columns, .ws_row = default_rows};
  ioctl(master, TIOCSWINSZ, &size);
  for (int i = 0; i < FLOWS; i++) theirs[i] = slave;
  flows[INPUT].to = flows[OUTPUT].from = master;
}

void open_relay(int terminal) {
  for (int i = 0; i < FLOWS; i++) flows[i].from = flows[i].to = -1;
  if (terminal) open_terminal();
  else open_pipes();
  flows[INPUT].from = 0, flows[OUTPUT].to = 1;
  if (!terminal) flows[ERRORS].to = 2;
  for (int i = 0; i < FLOWS; i++) {
    if (flows[i].from >= 0) make_nonblocking(flows[i].from);
    if (flows[i].to >= 0) make_nonblocking(flows[i].to);
  }
  // Blocked before the fork: a child that ends at once is not missed.
  sigset_t all;
  sigfillset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) fail("Cannot wait for signals: %s", strerror(errno));
}

void take_relayed_streams(void) {
  // Whoever kills the relay cannot ask it to kill.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  setsid();
  for (int to = 0; to < FLOWS; to++) dup2(theirs[to], to);
  if (master >= 0) ioctl(0, TIOCSCTTY, 1), close(SIZES_FD);
}

static void take_sizes(void) {
  uint16_t size[2];
  ssize_t n;
  while ((n = recv(SIZES_FD, size, sizeof size, MSG_DONTWAIT)) == sizeof size)
    ioctl(master, TIOCSWINSZ, &(struct winsize){.ws_col = size[0], .ws_row = size[1]});
}

// Returns whether the child has ended.
static int handle_signals(pid_t child, int *outcome) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    int number = (int)info.ssi_signo;
    if (number == SIGTERM || number == SIGINT || number == SIGHUP) kill(-child, SIGKILL);
  }
  return waitpid(child, outcome, WNOHANG) == child;
}

// The end of the input: a pipe is closed, a terminal is told by its own character.
static void end_input(void) {
  if (master < 0) close(flows[INPUT].to);
  else (void)!write(master, "\4", 1);
  flows[INPUT].to = -1;
}

static void pass_on(const struct pollfd *polled) {
  for (int i = 0; i < FLOWS; i++)
    if (polled[i].revents) move_flow(&flows[i]);
  if (flows[INPUT].to >= 0 && flow_is_over(&flows[INPUT])) end_input();
}

int relay_until_end(pid_t child) {
  for (int i = 0; i < (master < 0 ? FLOWS : 1); i++) close(theirs[i]);
  int outcome = 0, ended = 0;
  for (;;) {
    struct pollfd polled[POLLED];
    for (int i = 0; i < FLOWS; i++) await_flow(&flows[i], &polled[i]);
    polled[SIZES] = (struct pollfd){master < 0 || ended ? -1 : SIZES_FD, POLLIN, 0};
    polled[SIGNALS] = (struct pollfd){signals, POLLIN, 0};
    // Processes that it left behind may hold its output open: only what is there by now is still passed on.
    int pending = flows[OUTPUT].begin < flows[OUTPUT].end || flows[ERRORS].begin < flows[ERRORS].end;
    int ready = poll(polled, POLLED, ended && !pending ? 0 : -1);
    if (ready < 0 && errno != EINTR) fail("Cannot wait for the program: %s", strerror(errno));
    if (ended && !pending && !polled[OUTPUT].revents && !polled[ERRORS].revents) return exit_code_of(outcome);
    pass_on(polled);
    if (polled[SIZES].revents) take_sizes();
    if (polled[SIGNALS].revents && handle_signals(child, &outcome)) ended = 1, flows[INPUT].from = -1, flows[INPUT].end = 0;
  }
}
