// Small TCP messages between two places, timed: both ends of a benchmark of the packet path.
//
// talk serve PORT            answers each connection in turn with whatever it says, until it closes; prints "listening"
// talk ask ADDRESS PORT      for each line of standard input one line of nanoseconds:
//   connect COUNT            connections, one after another: connect, request, answer, close
//   ping COUNT               messages back and forth over one connection
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

// A connection's first messages open windows and fill caches.
#define WARM_UP 20
#define MESSAGE 64
#define BACKLOG 128

static uint64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void fail(const char *what)
{
	fprintf(stderr, "Cannot %s: %s\n", what, strerror(errno));
	exit(1);
}

static void without_delay(int socket)
{
	int on = 1;
	setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

static int serve(const char *port)
{
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (struct sockaddr *)&own, sizeof(own)) || listen(listener, BACKLOG))
		fail("listen");
	puts("listening");
	fflush(stdout);
	for (;;) {
		char message[MESSAGE];
		ssize_t size;
		int client = accept(listener, NULL, NULL);
		if (client < 0)
			continue;
		without_delay(client);
		while ((size = read(client, message, sizeof(message))) > 0)
			if (write(client, message, (size_t)size) != size)
				break;
		close(client);
	}
}

static int reach(const struct sockaddr_in *there)
{
	int client = socket(AF_INET, SOCK_STREAM, 0);
	if (client < 0 || connect(client, (const struct sockaddr *)there, sizeof(*there)))
		fail("connect");
	without_delay(client);
	return client;
}

static void exchange(int client)
{
	char message[MESSAGE] = {0};
	if (write(client, message, sizeof(message)) != sizeof(message))
		fail("ask");
	if (recv(client, message, sizeof(message), MSG_WAITALL) != sizeof(message))
		fail("hear an answer");
}

static void connect_often(const struct sockaddr_in *there, int count)
{
	for (int i = 0; i < count; i++) {
		uint64_t start = now();
		int client = reach(there);
		exchange(client);
		close(client);
		printf("%lu ", (unsigned long)(now() - start));
	}
}

static void ping(const struct sockaddr_in *there, int count)
{
	int client = reach(there);
	for (int i = -WARM_UP; i < count; i++) {
		uint64_t start = now();
		exchange(client);
		if (i >= 0)
			printf("%lu ", (unsigned long)(now() - start));
	}
	close(client);
}

int main(int argc, char **argv)
{
	struct sockaddr_in there = {.sin_family = AF_INET};
	char what[16];
	int count;

	if (argc == 3 && !strcmp(argv[1], "serve"))
		return serve(argv[2]);
	if (argc != 4 || strcmp(argv[1], "ask") || inet_pton(AF_INET, argv[2], &there.sin_addr) != 1)
		return fprintf(stderr, "talk serve PORT, or talk ask ADDRESS PORT\n"), 2;
	there.sin_port = htons((uint16_t)atoi(argv[3]));
	while (scanf("%15s %d", what, &count) == 2) {
		if (!strcmp(what, "ping"))
			ping(&there, count);
		else
			connect_often(&there, count);
		putchar('\n');
		fflush(stdout);
	}
	return 0;
}
