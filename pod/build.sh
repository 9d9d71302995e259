#!/bin/sh
# Builds the container processes: pod/build.sh OUTPUT. Needs Debian's musl-tools (musl-gcc).
# Static musl, two mappings: a thousand of these run at once, and each is to cost tens of kilobytes (docs/decisions/container-processes.md).
set -eu
exec musl-gcc -std=gnu11 -static -Os -s -Wl,-z,noseparate-code -Wall -Wextra -Werror -o "$1" "$(dirname "$0")"/*.c
