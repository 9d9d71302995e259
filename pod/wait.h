// Waiting for a child as if it were this process.
#pragma once
#include <sys/types.h>

// Passes signals on to the child until it ends; returns its exit code.
int wait_as(pid_t child);
