// What `start` and `run` are asked for: their options, parsed.
#pragma once

enum { MAX_MOUNTS = 128, MAX_LIST = 8192 };

struct mount_spec {
  const char *type; // null: a bind of `source`
  const char *source, *target, *options;
  int read_only;
  int tree; // descriptor of the source, taken before all mounts
};

struct pair {
  const char *name, *value;
};

struct list {
  int count;
  struct pair pairs[MAX_LIST];
};

struct spec {
  const char *cgroup, *monitor_cgroup, *log, *status, *hostname, *overlay, *root, *cwd, *user, *attach;
  int detach, clear_env, self, dev, stdin_open, stdin_once, tty, new_flags;
  struct list enter, keep, sysctl, env;
  int mount_count;
  struct mount_spec mounts[MAX_MOUNTS];
  char **argv;
};

// The one of this process: large, and its untouched pages cost nothing.
extern struct spec spec;

void parse_spec(char **args);
