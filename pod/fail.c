// How every role fails: one sentence and exit code 1.
#include "fail.h"
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

int fail_fd = 2;

_Noreturn void fail(const char *format, ...) {
  char message[2048];
  va_list values;
  va_start(values, format);
  int size = vsnprintf(message, sizeof message - 1, format, values);
  va_end(values);
  if (size > (int)sizeof message - 2) size = sizeof message - 2;
  message[size] = '\n';
  (void)!write(fail_fd, message, (size_t)size + 1);
  _exit(1);
}
