#!/bin/sh
# Compiles the packet path to the object that the executable carries: bpf/build.sh OUTPUT
set -eu
here=$(dirname "$0")
# Types of the kernel's ABI are enough: the programs read packets and maps, no structures of a certain kernel.
clang -target bpf -mcpu=v3 -O2 -g -Wall -Wextra -Werror -Wno-unused-function -I"/usr/include/$(uname -m)-linux-gnu" -c -o "$1" "$here/twill.bpf.c"
# The debugging information is not needed; BTF stays.
llvm-strip -g "$1"
