// Measures processes from start to exit, one after another, as the reader of its output asks.
//
// Each line of standard input: COMMAND, the file for its standard input, the file for its standard output, then NAME=VALUE for
// its whole environment, all separated by tabs. Each line of output: exit code (or -1) and nanoseconds.
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#define MAX_FIELDS 64

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int main(void)
{
	char *line = NULL;
	size_t size = 0;
	while (getline(&line, &size, stdin) > 0) {
		char *fields[MAX_FIELDS + 1];
		int count = 0;
		for (char *field = strtok(line, "\t\n"); field != NULL && count < MAX_FIELDS; field = strtok(NULL, "\t\n"))
			fields[count++] = field;
		fields[count] = NULL;
		if (count < 3)
			return fprintf(stderr, "A line needs a command and two files\n"), 1;
		posix_spawn_file_actions_t files;
		posix_spawn_file_actions_init(&files);
		posix_spawn_file_actions_addopen(&files, 0, fields[1], O_RDONLY, 0);
		posix_spawn_file_actions_addopen(&files, 1, fields[2], O_WRONLY | O_CREAT | O_TRUNC, 0600);
		char *command[] = {fields[0], NULL};
		pid_t pid;
		int status = -1;
		uint64_t start = now();
		if (posix_spawn(&pid, fields[0], &files, NULL, command, fields + 3) == 0)
			waitpid(pid, &status, 0);
		uint64_t end = now();
		posix_spawn_file_actions_destroy(&files);
		printf("%d %lu\n", WIFEXITED(status) ? WEXITSTATUS(status) : -1, (unsigned long)(end - start));
		fflush(stdout);
	}
	return 0;
}
