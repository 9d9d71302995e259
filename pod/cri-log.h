// A container's log in the form of the Container Runtime Interface: "TIME stdout F line", "P" for a piece of a longer line.
#pragma once
#include <stddef.h>

// As containerd: longer lines come in pieces.
enum { MAX_LINE = 16 << 10 };

// As kubelets: beyond it the log goes to FILE.1, and a new one begins.
enum { MAX_LOG = 10 << 20 };

struct output {
  const char *name; // stdout, stderr
  int stream;       // 1, 2
  int fd;           // the reading end; -1 when it has ended
  size_t used;
  char line[MAX_LINE];
};

void open_log(const char *path);

// Reads once what the container wrote, and logs every line that is complete. At the end of the stream also the rest.
void log_output(struct output *output);
