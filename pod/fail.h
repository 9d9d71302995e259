// How every role fails: one sentence and exit code 1.
#pragma once

// Where sentences go: standard error, or between fork and exec the pipe to whoever waits for the start.
extern int fail_fd;

_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
