#!/bin/sh
# The first process of a node, in mount and process namespaces that are new: gives it its own places, then waits for good.
# Arguments: the folder that stays shared with the host, then pairs of a folder and the place where the node sees it.
set -e
shared=$1
shift

# What is mounted in here is not seen outside, but what goes outside goes in here too: a copy would keep it in use.
# What goes while this looks is gone, and no failure: namespaces of other tests come and go all the time.
while read -r _ _ _ _ point _; do
  case $point in
    "$shared") ;;
    *) mount --make-slave "$point" || if mountpoint -q "$point"; then exit 1; fi ;;
  esac
done </proc/self/mountinfo
mount -t proc proc /proc
while [ $# -gt 0 ]; do
  mkdir -p "$2"
  mount --bind "$1" "$2"
  shift 2
done

# The host reads this line. From here on orphans come to this process, and the shell reaps them while it waits.
echo ready
while :; do
  sleep 3600 &
  wait $!
done
