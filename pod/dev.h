// A container's own /dev: the devices that programs expect, and none of the host's.
#pragma once

// Mounts it over /dev of this mount namespace; `terminals` is a descriptor of the host's /dev/pts (open_tree(2)).
void make_dev(int terminals);
