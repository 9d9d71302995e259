// The file system a process sees: its root, and what is mounted in it.
#pragma once

// Makes the mounts of `spec` and changes the root, in a mount namespace that nobody else is in.
void make_mounts(void);

// mkdir -p, below the root of this process.
void make_folders(const char *path);
