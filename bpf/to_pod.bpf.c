/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the kernel's own routing sends into a pod: from the node itself, and whatever the other programs left to it. */
#include "track.h"

SEC("tc")
int to_pod(struct __sk_buff *skb)
{
	struct work *work;

	if (skb->mark & MARK_TRACKED)
		return TC_ACT_OK;
	work = begin_work();
	if (!work)
		return drop(skb, DROP_MALFORMED);
	switch (parse_packet(skb, &work->packet)) {
	case PARSED_NOTHING:
		return drop(skb, DROP_MALFORMED);
	case PARSED_OTHER:
		return TC_ACT_OK;
	case PARSED_IP:
		break;
	}
	if (stays_on_link(&work->packet) || is_link_local_v6(&work->packet.tuple.source))
		return TC_ACT_OK;
	track(skb, &work->packet, &work->fate, FROM_KERNEL);
	return work->fate.drop ? drop(skb, work->fate.drop) : TC_ACT_OK;
}
