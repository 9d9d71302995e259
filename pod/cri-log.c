// A container's log in the form of the Container Runtime Interface: "TIME stdout F line", "P" for a piece of a longer line.
#define _GNU_SOURCE
#include "cri-log.h"
#include "attach.h"
#include "clock.h"
#include "fail.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static const char *log_path;
static int log_fd = -1;
static size_t log_size;

void open_log(const char *path) {
  struct stat now;
  log_path = path;
  log_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  if (log_fd < 0) fail("Cannot open the log %s: %s", path, strerror(errno));
  log_size = fstat(log_fd, &now) == 0 ? (size_t)now.st_size : 0;
}

static void rotate(void) {
  char old[4096];
  snprintf(old, sizeof old, "%s.1", log_path);
  int fd = rename(log_path, old) == 0 ? open(log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640) : -1;
  if (fd < 0) return; // A log that goes on growing is better than one that stops.
  close(log_fd);
  log_fd = fd, log_size = 0;
}

// One write each, so that a reader sees whole lines.
static void write_piece(const struct output *output, const char *bytes, size_t size, char tag) {
  char head[TIME_SIZE + 16], time[TIME_SIZE];
  format_now(time);
  int head_size = snprintf(head, sizeof head, "%s %s %c ", time, output->name, tag);
  struct iovec parts[] = {{head, (size_t)head_size}, {(void *)bytes, size}, {"\n", 1}};
  ssize_t n = writev(log_fd, parts, 3); // A full disk must not stop the container.
  if (n > 0 && (log_size += (size_t)n) > MAX_LOG) rotate();
}

static void log_lines(struct output *output) {
  char *from = output->line, *end = output->line + output->used, *feed;
  for (; (feed = memchr(from, '\n', (size_t)(end - from))); from = feed + 1) write_piece(output, from, (size_t)(feed - from), 'F');
  if (from == output->line && output->used == MAX_LINE) write_piece(output, from, MAX_LINE, 'P'), from = end;
  output->used = (size_t)(end - from);
  memmove(output->line, from, output->used);
}

void log_output(struct output *output) {
  ssize_t n = read(output->fd, output->line + output->used, MAX_LINE - output->used);
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n > 0) {
    show_attached(output->stream, output->line + output->used, (size_t)n);
    output->used += (size_t)n;
    log_lines(output);
    return;
  }
  // A rest without a line feed counts as a piece: that the line would have ended there nobody knows.
  if (output->used > 0) write_piece(output, output->line, output->used, 'P'), output->used = 0;
  close(output->fd);
  output->fd = -1;
}
