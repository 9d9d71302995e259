/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is found out about a packet, in its headers and beyond. */
#ifndef TWILL_FATE_H
#define TWILL_FATE_H

#include "packet.h"

/* Where a packet was met. */
#define FROM_POD 1
#define FROM_NET 2    /* over the node's devices, or out of the overlay */
#define FROM_KERNEL 3 /* out of the kernel's routing, into a pod */

struct fate {
	__u32 where;      /* the packet was met */
	__u32 drop;       /* an outcome; 0: it goes on */
	__u32 translated; /* its addresses are not those that it came with */
	__u32 refused;    /* nobody serves what it asks for: the kernel says so */
	__u32 direct;     /* the node that `to`'s destination is at serves it, and answers the client itself */
	__u32 hidden;     /* answers must come to this node: the backend sees it as the client */
	__u32 answer;     /* who sent it did not open its connection, which nobody remembers */
	__u32 service;    /* whose backend it goes to; 0: none's */
	struct tuple to;  /* what the backend that was chosen is to see */
};

/* The stack is too small for all of it. Nothing else runs on this processor before a program is done. */
struct work {
	struct packet packet;
	struct fate fate;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct work);
} works SEC(".maps");

static __always_inline struct work *begin_work(void)
{
	__u32 first = 0;
	struct work *work = bpf_map_lookup_elem(&works, &first);

	if (work)
		__builtin_memset(work, 0, sizeof(*work));
	return work;
}

#endif
