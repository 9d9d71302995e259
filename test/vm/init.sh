#!/bin/busybox sh
# The guest's first process: shows the host's file tree, read-only with a writable layer in memory, and runs one script from it.
# The host tells what to run, and reads the outcome, in a folder of its own that is shared writable.
b=/bin/busybox
stop() { echo "init: $1"; $b sync; $b poweroff -f; }

$b mount -t proc proc /proc
$b mount -t sysfs sys /sys
$b mount -t devtmpfs dev /dev
for module in $($b cat /modules/order); do
  $b insmod "$module" || stop "cannot load $module"
done

$b mount -t tmpfs tmpfs /rw
$b mkdir /rw/upper /rw/work
options=trans=virtio,version=9p2000.L,msize=512000
$b mount -t 9p -o $options,cache=loose,ro host /host || stop "cannot mount the host's files"
$b mount -t 9p -o $options,cache=none share /share || stop "cannot mount the shared folder"
$b mount -t overlay -o lowerdir=/host,upperdir=/rw/upper,workdir=/rw/work root /root || stop "cannot mount the overlay"

for name in proc sys dev; do $b mount --move /$name /root/$name; done
$b mkdir -p /root/dev/pts /root/dev/shm /root/run
$b mount -t devpts devpts /root/dev/pts
$b mount -t tmpfs tmpfs /root/dev/shm
# What the host's own processes keep there is none of the guest's business: it must not sweep the host's leftovers.
$b mount -t tmpfs tmpfs /root/run
project=$($b cat /share/project)
case "$project" in
  /tmp/*) ;;
  *) $b mount -t tmpfs -o mode=1777 tmpfs /root/tmp ;;
esac
$b mkdir -p /root/run/share /root/run/netns /root/run/lock
$b mount --move /share /root/run/share
$b mount -t cgroup2 cgroup2 /root/sys/fs/cgroup 2>/dev/null
$b mount -t bpf bpf /root/sys/fs/bpf 2>/dev/null
# modprobe, and the kernel when it wants a module, look in the usual place.
$b mkdir -p /root/lib/modules
$b mount --bind "/root$($b cat /root/run/share/modules-root)/lib/modules" /root/lib/modules || stop "cannot find the modules"

$b chroot /root /bin/sh /run/share/run.sh >/root/run/share/output 2>&1
echo $? >/root/run/share/exit-code
stop "done"
