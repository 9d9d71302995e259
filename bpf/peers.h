/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Where the pods of other nodes are: blocks of addresses, the longest prefix decides. */
#ifndef TWILL_PEERS_H
#define TWILL_PEERS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include "address.h"

/* Of each node a block and an address, of both families. */
#define MAX_PEERS 32768

struct block {
	__u32 prefix_length; /* of the address as IPv6: 96 more than an IPv4 block says */
	struct address address;
};
_Static_assert(sizeof(struct block) == 20, "struct block is written by the agent");

#define PEER_TUNNEL 1 /* through the overlay; else the kernel's routes lead there */

struct peer {
	struct address node; /* where its tunnel ends */
	__u8 mac[ETH_ALEN];  /* of the overlay's device there */
	__u16 flags;
};
_Static_assert(sizeof(struct peer) == 24, "struct peer is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_PEERS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct block);
	__type(value, struct peer);
} peers SEC(".maps");

static __always_inline struct peer *find_peer(const struct address *address)
{
	struct block block = { .prefix_length = 128, .address = *address };

	return bpf_map_lookup_elem(&peers, &block);
}

#endif
