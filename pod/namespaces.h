// Sets of namespaces by their names in /proc/PID/ns, as the bits of clone(2).
#pragma once

struct namespace_name {
  const char *name;
  int flag;
};

// Ends with a null name.
extern const struct namespace_name namespace_names[];

// "net,mnt" as bits. Fails on a name that is none.
int parse_namespaces(const char *list);

// A descriptor of the process, which is good in every pid namespace.
int open_process(const char *pid);

// Joins those of the process behind the descriptor. `pid` counts for children only (setns(2)).
void join_namespaces(int process, int flags);
