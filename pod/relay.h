// A program's standard streams as pipes or a terminal of their own, passed on to this process's streams until the program ends.
#pragma once
#include <sys/types.h>

// Before the fork: makes the pipes, or with `terminal` one pseudo terminal, whose sizes come on descriptor 3 as two 16-bit numbers,
// columns and rows. What this process gets is its own streams, which will not block any more.
void open_relay(int terminal);

// In the child: the program's side becomes its standard streams, in a session of its own.
void take_relayed_streams(void);

// In the parent: passes bytes on until the child has ended and all it wrote is gone; returns the child's exit code. A signal that asks
// this process to end kills all of the child's process group.
int relay_until_end(pid_t child);
