// A container's own /dev: the devices that programs expect, and none of the host's.
#define _GNU_SOURCE
#include "dev.h"
#include "fail.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static const struct {
  const char *path;
  unsigned major, minor;
} devices[] = {{"/dev/null", 1, 3},    {"/dev/zero", 1, 5}, {"/dev/full", 1, 7}, {"/dev/random", 1, 8},
               {"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},  {"/dev/ptmx", 5, 2}, {"/dev/net/tun", 10, 200}};

static const struct {
  const char *path, *target;
} links[] = {{"/dev/fd", "/proc/self/fd"},
             {"/dev/stdin", "/proc/self/fd/0"},
             {"/dev/stdout", "/proc/self/fd/1"},
             {"/dev/stderr", "/proc/self/fd/2"}};

void make_dev(int terminals) {
  mkdir("/dev", 0755);
  if (mount("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=755") < 0) fail("Cannot mount tmpfs on /dev: %s", strerror(errno));
  mkdir("/dev/net", 0755), mkdir("/dev/pts", 0755), mkdir("/dev/shm", 0755);
  chmod("/dev/shm", 01777);
  mode_t mask = umask(0);
  for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
    if (mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)) < 0)
      fail("Cannot make %s: %s", devices[i].path, strerror(errno));
  umask(mask);
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) (void)!symlink(links[i].target, links[i].path);
  // Terminals stay the host's: whoever enters brings one from there. /dev/ptmx finds them beside itself.
  enum { MOVE_FROM_EMPTY_PATH = 4 };
  if (syscall(SYS_move_mount, terminals, "", AT_FDCWD, "/dev/pts", MOVE_FROM_EMPTY_PATH) < 0)
    fail("Cannot bind /dev/pts: %s", strerror(errno));
  close(terminals);
}
