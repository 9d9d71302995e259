/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The pods of this node, by address and by the host's end of their link. */
#ifndef TWILL_ENDPOINTS_H
#define TWILL_ENDPOINTS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include "address.h"

#define MAX_ENDPOINTS 4096

#define ENDPOINT_BY_LINK 1          /* its packets go over the host's end of its link, where a bucket shapes them */
#define ENDPOINT_KEEPS_CONNECTIONS 2 /* what is open stays open, also when a policy forbids it since */

struct endpoint {
	__u32 ifindex; /* the host's end */
	__u16 id;
	__u16 mtu;
	__u8 mac[ETH_ALEN];      /* the pod's end */
	__u8 host_mac[ETH_ALEN]; /* the host's end: whom the pod believes its gateway to be */
	__u32 policy_set;        /* policy.h */
	__u32 flags;
};
_Static_assert(sizeof(struct endpoint) == 28, "struct endpoint is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2 * MAX_ENDPOINTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address);
	__type(value, struct endpoint);
} endpoints SEC(".maps");

#define SOURCE_PACED 1 /* what it sends is limited: pace.h */

/* What a pod may send as; an address that it lacks is all zeros. */
struct source {
	struct address v4;
	struct address v6;
	__u16 id;
	__u16 flags;
};
_Static_assert(sizeof(struct source) == 36, "struct source is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ENDPOINTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct source);
} sources SEC(".maps");

static __always_inline struct endpoint *find_endpoint(const struct address *address)
{
	/* Older verifiers take keys from the stack only. */
	struct address key = *address;

	return bpf_map_lookup_elem(&endpoints, &key);
}

static __always_inline struct source *find_source(__u32 ifindex)
{
	return bpf_map_lookup_elem(&sources, &ifindex);
}

#endif
