// Hands one CNI call to the service that is running already, or becomes the stand-alone plugin when there is none.
//
// Container runtimes start a process per call, so this file is all that is paid on the fast path: static C, no start-up work,
// one request out, one answer in (docs/shim-protocol.md draws both). It knows nothing about CNI but the shape of an error and
// which commands may be repeated. It sets no time limit: runtimes have their own, and killing this process closes the socket,
// which is how the service learns that nobody waits for the answer. SIGPIPE stays as it is, the stand-alone would inherit it.
#define _GNU_SOURCE
#include "error.h"
#include "frame.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

// ABSENT: the call was certainly not begun. LOST: it may be done, half done, or not begun.
enum result { ANSWERED, ABSENT, LOST };

// Pages that are never touched cost nothing, so the limits can be the buffers.
static char input[MAX_STDIN + 1], output[sizeof(struct answer) + MAX_ANSWER];
static size_t input_bytes;
static const char *plugin, *command, *socket_path;
static struct request request;
static struct iovec parts[4];
static struct answer head;

static const char *setting(const char *name, const char *fallback) {
  const char *value = getenv(name);
  return value && *value ? value : fallback;
}

static void read_input(void) {
  for (ssize_t n; (n = read(0, input + input_bytes, sizeof input - input_bytes)) != 0;) {
    if (n < 0 && errno == EBADF) return; // Started without a standard input: the same as an empty one.
    if (n < 0) fail(CODE_IO, "Cannot read the network configuration from standard input: %s", strerror(errno));
    if ((input_bytes += (size_t)n) > MAX_STDIN)
      fail(CODE_DECODING, "Cannot read the network configuration: standard input holds more than %d bytes", MAX_STDIN);
  }
}

static void identify(const char *path, uint64_t *inode) {
  struct stat file;
  if (stat(path, &file) == 0) *inode = file.st_ino;
}

// Where the caller is, so that a service elsewhere can tell. Looking into /proc/self/ns would cost a tenth of the whole call:
// the kernel has to make this process's folder first. It is the way out on kernels that know no cookie (before 5.14) or mount
// number (before 5.8). What stays zero is no service's place: the call then runs stand-alone.
static void locate(int fd) {
  enum { NETNS_COOKIE = 71, WANT_INO = 0x100, WANT_MOUNT = 0x1000 }; // asm-generic/socket.h, linux/stat.h
  socklen_t size = sizeof request.net;
  if (getsockopt(fd, SOL_SOCKET, NETNS_COOKIE, &request.net, &size) < 0) identify("/proc/self/ns/net", &request.net);
  uint64_t root[32] = {0}; // struct statx, which musl lacks: words 0, 4 and 18 are stx_mask, stx_ino and stx_mnt_id.
  syscall(SYS_statx, AT_FDCWD, "/", 0, WANT_INO | WANT_MOUNT, root);
  request.root = root[4];
  if (root[0] & WANT_MOUNT) request.mount = root[18];
  else identify("/proc/self/ns/mnt", &request.mount);
}

static void describe(int fd) {
  request = (struct request){.magic = "TWRQ", .version = PROTOCOL_VERSION};
  locate(fd);
  // The kernel lays all variables out one after the other (proc_pid_environ(5)): one block, sent without a copy.
  char **last = environ;
  while (last[0] && last[1]) last++;
  parts[0] = (struct iovec){&request, sizeof request};
  parts[1] = (struct iovec){(void *)plugin, strlen(plugin)};
  parts[2] = (struct iovec){*last ? environ[0] : input, *last ? (size_t)(*last + strlen(*last) + 1 - environ[0]) : 0};
  parts[3] = (struct iovec){input, input_bytes};
  request.name_bytes = (uint32_t)parts[1].iov_len;
  request.environ_bytes = (uint32_t)parts[2].iov_len;
  request.stdin_bytes = (uint32_t)parts[3].iov_len;
}

static int send_request(int fd, int is_socket) {
  struct msghdr rest = {.msg_iov = parts, .msg_iovlen = 4};
  while (rest.msg_iovlen > 0) {
    ssize_t n = is_socket ? sendmsg(fd, &rest, MSG_NOSIGNAL) : writev(fd, rest.msg_iov, (int)rest.msg_iovlen);
    if (n < 0) return -1;
    for (; rest.msg_iovlen > 0 && (size_t)n >= rest.msg_iov->iov_len; rest.msg_iov++, rest.msg_iovlen--)
      n -= (ssize_t)rest.msg_iov->iov_len;
    if (n > 0) rest.msg_iov->iov_base = (char *)rest.msg_iov->iov_base + n, rest.msg_iov->iov_len -= (size_t)n;
  }
  return 0;
}

static enum result ask(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(socket_path) >= sizeof address.sun_path)
    fail(CODE_ENVIRONMENT, "Cannot connect to %s: a socket's path has at most 107 bytes", socket_path);
  strcpy(address.sun_path, socket_path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR) return ABSENT;
    // A rootless runtime's own user namespace (proc_ns.h: the first one is always 0xEFFFFFFD) cannot be served from outside.
    int error = errno;
    struct stat user;
    if (error == EACCES && stat("/proc/self/ns/user", &user) == 0 && user.st_ino != 0xEFFFFFFD) return ABSENT;
    fail(CODE_IO, "Cannot connect to %s: %s; run the container runtime as root", socket_path, strerror(error));
  }
  describe(fd);
  // A service that refuses early answers before it has read everything: the answer is there although sending failed.
  enum result broken = send_request(fd, 1) < 0 ? ABSENT : LOST;
  size_t have = 0, need = sizeof head;
  while (have < need) {
    ssize_t n = read(fd, output + have, sizeof output - have);
    if (n <= 0) return broken;
    if ((have += (size_t)n) < sizeof head) continue;
    memcpy(&head, output, sizeof head);
    if (memcmp(head.magic, "TWAN", 4) != 0 || head.version != PROTOCOL_VERSION) return LOST;
    if ((uint64_t)head.stdout_bytes + head.stderr_bytes > MAX_ANSWER) return LOST;
    need = sizeof head + head.stdout_bytes + head.stderr_bytes;
  }
  return head.action == ACTION_ANSWER ? ANSWERED : ABSENT;
}

static _Noreturn void run_standalone(char **argv) {
  char beside[4096 + sizeof "/twill-standalone"];
  ssize_t n = readlink("/proc/self/exe", beside, 4096);
  strcpy(n > 0 ? (char *)memrchr(beside, '/', (size_t)n) : beside, "/twill-standalone");
  const char *paths[] = {setting("TWILL_STANDALONE", ""), beside, "/usr/local/bin/twill", "/usr/bin/twill"};
  if (input_bytes > 0) { // What was read from standard input is there to be read again.
    int replay = memfd_create("cni-stdin", MFD_CLOEXEC);
    if (replay < 0 || write_all(replay, input, input_bytes) < 0 || lseek(replay, 0, SEEK_SET) < 0 || dup2(replay, 0) < 0)
      fail(CODE_IO, "Cannot hand standard input to the stand-alone %s: %s", plugin, strerror(errno));
  }
  if (argv[0]) argv[0] = (char *)plugin;
  // Compiling what runs once costs more than it brings: a plugin stays with the interpreter. A daemon (arguments) compiles.
  size_t count = 0;
  while (environ[count]) count++;
  char *env[count + 2];
  env[0] = "BUN_JSC_useBaselineJIT=0";
  memcpy(env + 1, environ, (count + 1) * sizeof *env);
  char **given = argv[0] && argv[1] ? environ : env;
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) execve(paths[i], argv, given);
  fail(CODE_UNAVAILABLE, "Cannot run plugin %s: no service at %s takes the call, and none of $TWILL_STANDALONE, %s, %s and "
       "%s can be executed: start `twill plugins` or install twill", plugin, socket_path, paths[1], paths[2], paths[3]);
}

// One file per interface, named after it, so that repeated deletes replace each other and the queue stays bounded.
static void queue_delete(void) {
  const char *folder = setting("TWILL_DELETES", "/var/lib/twill/deletes");
  const char *container = setting("CNI_CONTAINERID", ""), *ifname = setting("CNI_IFNAME", "");
  char path[4096], fresh[4096];
  if (!*container || strlen(container) > 200 || strchr(container, '/') || !*ifname || strlen(ifname) > 15 ||
      strchr(ifname, '/'))
    fail(CODE_ENVIRONMENT, "Cannot delete CNI_IFNAME \"%s\" of CNI_CONTAINERID \"%s\": a name is invalid", ifname, container);
  mkdir("/var/lib/twill", 0755), mkdir(folder, 0700); // What fails here shows when the file is opened.
  snprintf(path, sizeof path, "%s/%s:%s", folder, container, ifname);
  snprintf(fresh, sizeof fresh, "%s/.%s:%s.%d", folder, container, ifname, getpid());
  describe(-1);
  int fd = open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), error;
  if (fd >= 0 && send_request(fd, 0) == 0 && rename(fresh, path) == 0) return;
  error = errno, unlink(fresh);
  fail(CODE_IO, "Cannot queue the delete as %s: %s", path, strerror(error));
}

// What type `twill` answers while its agent is away: containers cannot be made, but they can always be removed.
static int answer_for_agent(void) {
  static const char versions[] = "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":"
                                 "[\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\"]}\n";
  if (strcmp(command, "VERSION") == 0) return write_all(1, versions, sizeof versions - 1) < 0;
  if (strcmp(command, "DEL") == 0) return queue_delete(), 0;
  if (strcmp(command, "GC") == 0) return 0; // The agent collects garbage by itself when it starts.
  fail(strcmp(command, "STATUS") == 0 ? CODE_UNAVAILABLE : CODE_TRY_LATER,
       "Cannot answer %s: the agent at %s is not answering; start `twill agent` and try again", command, socket_path);
}

int main(int argc, char **argv) {
  plugin = argc > 0 ? basename(argv[0]) : "";
  command = setting("CNI_COMMAND", "");
  int agent = strcmp(plugin, "twill") == 0;
  socket_path = setting("TWILL_PLUGINS_SOCKET", "/run/twill/plugins.sock");
  if (argc > 1) run_standalone(argv); // `dhcp daemon`: a command line, not a CNI call.
  // VERSION carries nothing that is needed, and a call by hand would wait for the terminal.
  if (*command && strcmp(command, "VERSION") != 0) read_input();
  enum result result = ask();
  if (result == ANSWERED) {
    char *text = output + sizeof head;
    if (write_all(1, text, head.stdout_bytes) < 0 || write_all(2, text + head.stdout_bytes, head.stderr_bytes) < 0) return 1;
    _exit((int)(head.exit_code & 255)); // Nothing is buffered, and what exit(3) does would be 3 % of the call.
  }
  if (agent) return answer_for_agent();
  // An ADD that may have been begun must not run twice side by side; the runtime cleans up by DEL before it tries again.
  if (result == LOST && strcmp(command, "ADD") == 0)
    fail(CODE_TRY_LATER, "Cannot add %s: the service at %s ended before it answered; try again", plugin, socket_path);
  run_standalone(argv);
}
