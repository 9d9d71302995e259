// The two frames between the shim and a service; docs/shim-protocol.md draws them and gives the reasons.
#include <stdint.h>

enum { PROTOCOL_VERSION = 1, MAX_STDIN = 16 << 20, MAX_ANSWER = 16 << 20 };
enum action { ACTION_ANSWER = 0, ACTION_EXEC = 1 };

// Followed by the plugin's name, the environment (each variable ends with a NUL), and standard input.
struct request {
  char magic[4]; // "TWRQ"
  uint32_t version;
  uint64_t net;   // network namespace: its cookie, or the inode of /proc/self/ns/net
  uint64_t mount; // mount at "/", or the inode of /proc/self/ns/mnt
  uint64_t root;  // inode of "/"
  uint32_t name_bytes, environ_bytes, stdin_bytes;
  uint32_t reserved; // 0
};

// Followed by what goes to standard output and to standard error.
struct answer {
  char magic[4]; // "TWAN"
  uint32_t version;
  uint32_t action, exit_code;
  uint32_t stdout_bytes, stderr_bytes;
};

_Static_assert(sizeof(struct request) == 48 && sizeof(struct answer) == 24, "no padding");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "frames are little endian");
