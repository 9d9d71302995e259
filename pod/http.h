// The stand-in's pages: what it answers to a request line.
#pragma once
#include "identity.h"

// Answers a request that begins with `request` (ended by a NUL) on a connection, whole, and returns 1 when the connection is done
// with, 0 when another process goes on with it. Blocks no longer than the socket's buffer takes it.
int answer_http(int fd, char *request, struct caller *caller);

// Whether bytes may be the beginning of a request: 1 yes, 0 no, -1 too few to say.
int looks_like_http(const char *bytes, size_t size);

// "HTTP/1.1 …", the head of a complete answer, and its body.
void send_http(int fd, int status, const char *type, const char *body, size_t size);
