// Steps that must run inside another network namespace without any code of the JavaScript engine in between.
//
// setns() moves the calling thread only. A thread that the engine starts while its parent is away (JIT, garbage collector,
// file pool) stays in the other namespace for good and keeps it alive. So "go there, one system call, come back" is one
// native call. A thread that cannot come back would do everybody's later work in the wrong namespace: then the process ends.
//
// SPDX-License-Identifier: Apache-2.0
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void come_back(int home)
{
	if (setns(home, CLONE_NEWNET) == 0)
		return;
	perror("twill: cannot return to the node's own network namespace");
	abort();
}

// All return a descriptor, or a negative errno.

int twill_socket_in(int netns, int home, int domain, int type, int protocol)
{
	if (setns(netns, CLONE_NEWNET) != 0)
		return -errno;
	int fd = socket(domain, type, protocol);
	int error = errno;
	come_back(home);
	return fd < 0 ? -error : fd;
}

// /proc/sys/net shows the opener's namespace, and the open file stays bound to it.
int twill_open_in(int netns, int home, const char *path, int flags)
{
	if (setns(netns, CLONE_NEWNET) != 0)
		return -errno;
	int fd = open(path, flags | O_CLOEXEC);
	int error = errno;
	come_back(home);
	return fd < 0 ? -error : fd;
}

// For libraries that open their own socket (nft_ctx_new). NULL when the namespace cannot be entered or the function fails.
void *twill_call_in(int netns, int home, void *(*function)(uint32_t), uint32_t argument)
{
	if (setns(netns, CLONE_NEWNET) != 0)
		return NULL;
	void *result = function(argument);
	come_back(home);
	return result;
}

struct parcel {
	int fd;
	size_t length;
	char bytes[];
};

static void *deliver(void *argument)
{
	struct parcel *parcel = argument;
	while (send(parcel->fd, parcel->bytes, parcel->length, MSG_NOSIGNAL) < 0 && errno == EINTR)
		;
	close(parcel->fd);
	free(parcel);
	return NULL;
}

// Sends bytes from a thread of its own, then closes the socket: for netlink requests that the kernel works on for long
// (removing links waits for RCU), so that the engine's thread goes on meanwhile. Takes over the descriptor.
int twill_send_aside(int fd, const char *bytes, uint64_t length)
{
	struct parcel *parcel = malloc(sizeof(*parcel) + length);
	if (parcel == NULL) {
		close(fd);
		return -ENOMEM;
	}
	parcel->fd = fd;
	parcel->length = length;
	memcpy(parcel->bytes, bytes, length);
	pthread_t thread;
	int error = pthread_create(&thread, NULL, deliver, parcel);
	if (error != 0) {
		close(fd);
		free(parcel);
		return -error;
	}
	pthread_detach(thread);
	return 0;
}
