// Measures processes from start to exit: runs each command in turn, round after round, and prints every duration.
//
// Usage: shim-driver ROUNDS COMMAND... (each started without arguments; standard input is the file $DRIVER_STDIN)
// Output: a line "INDEX NANOSECONDS" for each run. Interleaved, so that whatever disturbs the machine disturbs all alike.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static uint64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv) {
  const char *input = getenv("DRIVER_STDIN");
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, input ? input : "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, "/dev/null", O_WRONLY, 0);
  for (int round = atoi(argc > 1 ? argv[1] : "0"); round > 0; round--) {
    for (int i = 2; i < argc; i++) {
      char *command[] = {argv[i], NULL};
      pid_t pid;
      int status;
      uint64_t start = now();
      if (posix_spawn(&pid, argv[i], &files, NULL, command, environ) != 0) return 1;
      if (waitpid(pid, &status, 0) < 0) return 1;
      uint64_t end = now();
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return fprintf(stderr, "%s failed\n", argv[i]), 1;
      printf("%d %lu\n", i - 2, (unsigned long)(end - start));
    }
  }
  return 0;
}
