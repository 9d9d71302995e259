// Calling others on request: /call?url=http://HOST[:PORT]/PATH, /call?tcp=HOST:PORT, /call?udp=HOST:PORT.
#pragma once

// Answers on `fd` what came of it, in a process of its own, as resolving a name blocks. Returns 1 when the connection is done
// with already, 0 when the other process goes on with it.
int start_call(int fd, const char *query);

// Forgets the processes that have ended.
void reap_calls(void);
