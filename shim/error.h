// How the shim fails: a CNI error on standard output (specification, section 5) and exit code 1.
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

enum { CODE_ENVIRONMENT = 4, CODE_IO = 5, CODE_DECODING = 6, CODE_TRY_LATER = 11, CODE_UNAVAILABLE = 50 };

static int write_all(int fd, const char *bytes, size_t size) {
  for (ssize_t n; size > 0; bytes += n, size -= (size_t)n)
    if ((n = write(fd, bytes, size)) < 0) return -1;
  return 0;
}

static _Noreturn void fail(int code, const char *format, ...) {
  char message[1024], json[2 * sizeof message + 64];
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  char *to = json + sprintf(json, "{\n    \"code\": %d,\n    \"msg\": \"", code);
  for (const char *from = message; *from; from++) {
    if (*from == '"' || *from == '\\') *to++ = '\\';
    *to++ = (unsigned char)*from < ' ' ? '?' : *from;
  }
  to += sprintf(to, "\"\n}\n");
  write_all(1, json, (size_t)(to - json));
  _exit(1);
}
