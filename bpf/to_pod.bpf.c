/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the kernel's own routing sends into a pod: from the node itself, and whatever the other programs left to it. */
#include "counters.h"

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_OK;
}
