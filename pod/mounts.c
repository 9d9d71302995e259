// The file system a process sees: its root, and what is mounted in it.
#define _GNU_SOURCE
#include "mounts.h"
#include "dev.h"
#include "fail.h"
#include "spec.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// linux/mount.h
enum { TREE_CLONE = 1, TREE_RECURSIVE = 0x8000, MOVE_FROM_EMPTY_PATH = 4 };

void make_folders(const char *path) {
  char part[4096];
  snprintf(part, sizeof part, "%s", path);
  for (char *slash = part; (slash = strchr(slash + 1, '/'));) *slash = 0, mkdir(part, 0755), *slash = '/';
  mkdir(part, 0755); // What fails here shows when the folder is used.
}

static void make_file(const char *path) {
  char folder[4096];
  snprintf(folder, sizeof folder, "%s", path);
  char *slash = strrchr(folder, '/');
  if (slash && slash != folder) *slash = 0, make_folders(folder);
  int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd >= 0) close(fd);
}

// In an overlay a symbolic link in the way (/etc/resolv.conf, mostly) is replaced: it would lead out of what was asked for.
static void make_target(const char *target, int is_folder) {
  struct stat there;
  if (lstat(target, &there) == 0 && S_ISLNK(there.st_mode) && spec.overlay) unlink(target);
  if (stat(target, &there) == 0) return;
  if (is_folder) make_folders(target);
  else make_file(target);
}

static void mount_bind(const struct mount_spec *mount_spec) {
  struct stat source;
  if (fstat(mount_spec->tree, &source) < 0) fail("Cannot bind %s: %s", mount_spec->source, strerror(errno));
  make_target(mount_spec->target, S_ISDIR(source.st_mode));
  if (syscall(SYS_move_mount, mount_spec->tree, "", AT_FDCWD, mount_spec->target, MOVE_FROM_EMPTY_PATH) < 0)
    fail("Cannot bind %s to %s: %s", mount_spec->source, mount_spec->target, strerror(errno));
  close(mount_spec->tree);
  if (mount_spec->read_only && mount(NULL, mount_spec->target, NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
    fail("Cannot make %s read-only: %s", mount_spec->target, strerror(errno));
}

static void mount_new(const struct mount_spec *mount_spec) {
  make_target(mount_spec->target, 1);
  if (mount(mount_spec->type, mount_spec->target, mount_spec->type, MS_NOSUID, mount_spec->options) < 0)
    fail("Cannot mount %s on %s: %s", mount_spec->type, mount_spec->target, strerror(errno));
}

// The upper layer is a file system in memory of this namespace alone: it goes with its last process.
static const char *make_overlay(void) {
  if (mount("tmpfs", spec.overlay, "tmpfs", 0, "mode=755") < 0) fail("Cannot mount tmpfs on %s: %s", spec.overlay, strerror(errno));
  if (chdir(spec.overlay) < 0 || mkdir("upper", 0755) < 0 || mkdir("work", 0755) < 0 || mkdir("root", 0755) < 0)
    fail("Cannot make layers in %s: %s", spec.overlay, strerror(errno));
  if (mount("overlay", "root", "overlay", 0, "lowerdir=/,upperdir=upper,workdir=work") < 0)
    fail("Cannot mount an overlay over / (layers in %s): %s", spec.overlay, strerror(errno));
  return "root";
}

// pivot_root(".", ".") stacks the old root on the new one, and the first umount takes it away (pivot_root(2)).
static void change_root(const char *root) {
  if (chdir(root) < 0) fail("Cannot change the root to %s: %s", root, strerror(errno));
  if (!spec.overlay && mount(".", ".", NULL, MS_BIND | MS_REC, NULL) < 0) fail("Cannot bind %s to itself: %s", root, strerror(errno));
  if (!spec.overlay && chdir(root) < 0) fail("Cannot change the root to %s: %s", root, strerror(errno));
  if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
    fail("Cannot change the root to %s: %s", root, strerror(errno));
}

void make_mounts(void) {
  if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0) fail("Cannot make mounts private: %s", strerror(errno));
  for (struct mount_spec *each = spec.mounts; each < spec.mounts + spec.mount_count; each++) {
    if (each->type) continue;
    each->tree = (int)syscall(SYS_open_tree, AT_FDCWD, each->source, TREE_CLONE | TREE_RECURSIVE | O_CLOEXEC);
    if (each->tree < 0) fail("Cannot bind %s: %s", each->source, strerror(errno));
  }
  int terminals = spec.dev ? (int)syscall(SYS_open_tree, AT_FDCWD, "/dev/pts", TREE_CLONE | O_CLOEXEC) : -1;
  if (spec.dev && terminals < 0) fail("Cannot bind /dev/pts: %s", strerror(errno));
  if (spec.overlay) change_root(make_overlay());
  else if (spec.root) change_root(spec.root);
  if (spec.dev) make_dev(terminals);
  for (struct mount_spec *each = spec.mounts; each < spec.mounts + spec.mount_count; each++)
    if (each->type) mount_new(each);
    else mount_bind(each);
}
