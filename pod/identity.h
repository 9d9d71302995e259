// Who the stand-in is, and what it says about itself and its caller.
#pragma once
#include <netinet/in.h>
#include <stddef.h>

struct identity {
  const char *pod, *namespace, *node, *container;
  char hostname[256];
};

extern struct identity identity;

// A caller: protocol "tcp", "udp" or "http", and for the last what it asked for.
struct caller {
  const char *protocol;
  int port; // ours
  struct sockaddr_in6 address;
  const char *method, *path;
};

// Text as the inside of a JSON string; returns the size. What does not fit is left out.
size_t json_text(char *to, size_t size, const char *from, size_t from_size);

// The facts as one line of JSON with a line feed; returns the size.
size_t tell_facts(char *to, size_t size, const struct caller *caller);
