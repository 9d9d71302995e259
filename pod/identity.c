// Who the stand-in is, and what it says about itself and its caller.
#include "identity.h"
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

struct identity identity = {.pod = "", .namespace = "", .node = "", .container = ""};

size_t json_text(char *to, size_t size, const char *from, size_t from_size) {
  size_t used = 0;
  for (size_t i = 0; i < from_size && used + 7 < size; i++) {
    unsigned char byte = (unsigned char)from[i];
    if (byte == '"' || byte == '\\') to[used++] = '\\', to[used++] = (char)byte;
    else if (byte == '\n') to[used++] = '\\', to[used++] = 'n';
    else if (byte < ' ' || byte >= 0x7f) used += (size_t)snprintf(to + used, size - used, "\\u%04x", byte);
    else to[used++] = (char)byte;
  }
  to[used] = 0;
  return used;
}

static size_t add(char *to, size_t size, size_t used, const char *key, const char *value) {
  char text[1024];
  json_text(text, sizeof text, value, strlen(value));
  return used + (size_t)snprintf(to + used, size - used, "%s\"%s\":\"%s\"", used == 1 ? "" : ",", key, text);
}

size_t tell_facts(char *to, size_t size, const struct caller *caller) {
  char address[INET6_ADDRSTRLEN];
  const struct in6_addr *from = &caller->address.sin6_addr;
  if (IN6_IS_ADDR_V4MAPPED(from)) inet_ntop(AF_INET, from->s6_addr + 12, address, sizeof address);
  else inet_ntop(AF_INET6, from, address, sizeof address);
  size_t used = (size_t)snprintf(to, size, "{");
  used = add(to, size, used, "pod", identity.pod);
  used = add(to, size, used, "namespace", identity.namespace);
  used = add(to, size, used, "node", identity.node);
  used = add(to, size, used, "container", identity.container);
  used = add(to, size, used, "hostname", identity.hostname);
  used = add(to, size, used, "protocol", caller->protocol);
  used += (size_t)snprintf(to + used, size - used, ",\"port\":%d", caller->port);
  used = add(to, size, used, "client", address);
  used += (size_t)snprintf(to + used, size - used, ",\"clientPort\":%d", ntohs(caller->address.sin6_port));
  if (caller->method) used = add(to, size, used, "method", caller->method);
  if (caller->path) used = add(to, size, used, "path", caller->path);
  return used + (size_t)snprintf(to + used, size - used, "}\n");
}
