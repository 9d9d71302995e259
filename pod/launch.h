// From a parsed request to a running process.
#pragma once
#include <sys/types.h>

// Standard streams of the process to be; -1 leaves one as it is.
struct streams {
  int in, out, err;
};

// Starts `spec.argv` as `spec` asks for, but for `log`, which is the caller's business, and returns its process id when it runs.
// Fails with the sentence of the step that failed.
pid_t launch(const struct streams *streams, int new_session);

// The descriptor of /dev/null, for reading and writing.
int open_null(void);

// Every signal as a fresh process has it: what a parent ignores would stay ignored over execve(2).
void reset_signals(void);

// What an outcome of waitpid(2) is as an exit code: 128 and the signal for the killed.
int exit_code_of(int outcome);
