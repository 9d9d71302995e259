// Folders of cgroup v2, and being born in one.
#pragma once
#include <sys/types.h>

// Opens a folder, made with its parents when missing. -1 when `path` is null.
int open_cgroup(const char *path);

// fork(2) into a cgroup (`cgroup` may be -1) with new namespaces (`flags` of clone(2)). Being born there costs nothing, while
// moving there later waits for all processors of the machine to pass a quiet state: 10 to 20 ms.
pid_t fork_into(int cgroup, int flags);

// The number by which the parent of fork_into's child knows it, to be asked for by the child: with a pid namespace of its own
// it finds no other name of itself in a /proc from outside.
pid_t outer_pid(void);
