#!/bin/sh
# The first process of a node, in mount and process namespaces that are new: gives it its own places, then waits for good.
# Arguments: the folder that stays shared with the host, then pairs of a folder and the place where the node sees it.
set -e
shared=$1
shift

# Prints where a mount in here would be seen outside. Of mounts on top of each other, the last is the one that counts.
seen_outside() {
  awk -v own="$shared" '
    { seen[$5] = 0; for (field = 7; field <= NF && $field != "-"; field++) if ($field ~ /^shared:/) seen[$5] = 1 }
    END { for (point in seen) if (seen[point] && point != own) { gsub(/\\040/, " ", point); print point } }
  ' /proc/self/mountinfo
}

# What is mounted in here is not seen outside, but what goes outside goes in here too: a copy would keep it in use.
# Namespaces of other tests come and go meanwhile, and come back under the same name: one that cannot be found is looked for again.
IFS='
'
for round in 1 2 3 4 5; do
  for point in $(seen_outside); do
    mount --make-slave "$point" || true
  done
done
if [ -n "$(seen_outside)" ]; then
  echo "Cannot keep to this node what is mounted at $(seen_outside)"
  exit 1
fi
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
