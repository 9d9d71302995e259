/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* How fast a pod may send: each packet is told when it may leave, and the node's devices hold it until then (sch_fq). */
#ifndef TWILL_PACE_H
#define TWILL_PACE_H

#include <linux/bpf.h>
#include <linux/version.h>
#include <bpf/bpf_helpers.h>
#include "endpoints.h"

#define NANOSECONDS 1000000000ULL
/* A packet that would wait for longer is dropped: its sender is to notice. */
#define PACE_HORIZON (2 * NANOSECONDS)
/* As above, for what no device holds, because it goes to a pod of this node. */
#define PACE_HORIZON_HERE (NANOSECONDS / 40)

extern int LINUX_KERNEL_VERSION __kconfig;

struct pace {
	__u64 rate;  /* bytes a second */
	__u64 burst; /* nanoseconds that the bytes which may leave at once would take */
	__u64 next;  /* when the next packet may leave, nanoseconds of the monotonic clock; written here alone */
};
_Static_assert(sizeof(struct pace) == 24, "struct pace is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_ENDPOINTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32); /* the host's end */
	__type(value, struct pace);
} paces SEC(".maps");

/*
 * False for a packet that comes too early to be kept. Two processors may read `next` at once: the pod then gets a packet's worth more, which
 * a lock on the way of every packet would not be worth.
 */
static __always_inline int pace(struct __sk_buff *skb, int stays_here)
{
	__u32 ifindex = skb->ifindex;
	struct pace *pace = bpf_map_lookup_elem(&paces, &ifindex);
	__u64 now, leaves;

	if (!pace || !pace->rate)
		return 1;
	now = bpf_ktime_get_ns();
	leaves = pace->next;
	if (leaves + pace->burst < now)
		leaves = now - pace->burst;
	if (leaves > now + (stays_here ? PACE_HORIZON_HERE : PACE_HORIZON))
		return 0;
	/* Of a packet that will be cut into several, the headers count once: the kernel adds the others only where packets leave. */
	pace->next = leaves + skb->wire_len * NANOSECONDS / pace->rate;
	/* The kernel's forwarding keeps the time since 5.18, which has the function to set it. */
	if (!stays_here && leaves > now && LINUX_KERNEL_VERSION >= KERNEL_VERSION(5, 18, 0))
		bpf_skb_set_tstamp(skb, leaves, BPF_SKB_TSTAMP_DELIVERY_MONO);
	return 1;
}

#endif
