/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What became of packets, counted by outcome. A reason is never reused: its number is what other programs remember. */
#ifndef TWILL_COUNTERS_H
#define TWILL_COUNTERS_H

#include <linux/bpf.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

enum outcome {
	FORWARD_LOCAL = 0,      /* to a pod of this node, past the kernel's own routing */
	FORWARD_TUNNEL = 1,     /* into the overlay */
	FORWARD_KERNEL = 2,     /* left to the kernel's routing */
	DROP_MALFORMED = 3,     /* headers that say too little or hide too much */
	DROP_SOURCE = 4,        /* a pod sent as somebody else */
	DROP_TUNNEL_SOURCE = 5, /* came through the tunnel from a node that does not have the sender */
	DROP_NO_ENDPOINT = 6,   /* came from a device that is no pod's */
	DROP_TUNNEL_KEY = 7,    /* the kernel refused the tunnel's parameters */
	DROP_POLICY = 8,        /* policies do not allow the connection */
	DROP_FRAGMENT = 9,      /* a later fragment came before the first, which has the ports */
	DROP_PORTS = 10,        /* no port is left to translate a connection to */
	DROP_SERVICE = 11,      /* the service is not for this client, or has nobody here */
	DROP_TRANSLATION = 12,  /* headers that cannot be translated */
	REFUSED_SERVICE = 13,   /* nobody serves it: the kernel tells the client */
	FORWARD_NET = 14,       /* straight out of one of the node's devices */
	DROP_ROUTE = 15,        /* no way leads to where a translated packet must go */
	DROP_PACE = 16,         /* the pod sends faster than it may */
	REFUSED_SIZE = 17,      /* too big for the way to where it was translated to: its sender is told */
	REFUSED_HOPS = 18,      /* at the end of its time to live where it was translated: its sender is told */
	DROP_TUNNEL_NODE = 19,  /* came through the tunnel from nobody who is a node */
	OUTCOMES = 20,
};

struct counter {
	__u64 packets;
	__u64 bytes;
};
_Static_assert(sizeof(struct counter) == 16, "struct counter is read by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, OUTCOMES);
	__type(key, __u32);
	__type(value, struct counter);
} counters SEC(".maps");

static __always_inline void count(const struct __sk_buff *skb, __u32 outcome)
{
	struct counter *counter = bpf_map_lookup_elem(&counters, &outcome);

	if (!counter)
		return;
	counter->packets++;
	counter->bytes += skb->len;
}

static __always_inline int drop(const struct __sk_buff *skb, __u32 reason)
{
	count(skb, reason);
	return TC_ACT_SHOT;
}

/* Marks for the kernel's routing, and for `to_pod` behind it. */
#define MARK_TRACKED 0x10000 /* looked at already; the agent's rules and `to_pod` let it pass */
#define MARK_REFUSED 0x20000 /* to be rejected by the agent's rules */

/* The kernel's own routing takes over, with all that belongs to it: masquerading, ICMP errors, reassembly. */
static __always_inline int to_kernel(const struct __sk_buff *skb)
{
	count(skb, FORWARD_KERNEL);
	return TC_ACT_OK;
}

/* The agent's rules answer that nobody is there. */
static __always_inline int refuse(struct __sk_buff *skb)
{
	skb->mark |= MARK_REFUSED;
	count(skb, REFUSED_SERVICE);
	return TC_ACT_OK;
}

#endif
