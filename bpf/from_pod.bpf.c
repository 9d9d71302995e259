/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a pod sends, as it leaves the host's end of its link: who it may be, whom it may reach, and where that is. */
#include "deliver.h"
#include "pace.h"
#include "track.h"

/* Whether the pod has the address it sends from. Neighbour discovery speaks from link-local and unspecified addresses. */
static __always_inline int may_send(const struct source *source, const struct packet *packet)
{
	const struct address *address = &packet->tuple.source;

	if (!(packet->flags & PACKET_V6))
		return address_equal(address, &source->v4);
	if (address_equal(address, &source->v6) && !is_unspecified(address))
		return 1;
	return (is_link_local_v6(address) || is_unspecified(address)) && stays_on_link(packet);
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	const struct source *source = find_source(skb->ifindex);
	const struct endpoint *endpoint;
	const struct peer *peer;
	struct work *work = begin_work();
	struct packet *packet;
	struct fate *fate;

	if (!source || !work)
		return drop(skb, DROP_NO_ENDPOINT);
	packet = &work->packet;
	fate = &work->fate;
	switch (parse_packet(skb, packet)) {
	case PARSED_NOTHING:
		return drop(skb, DROP_MALFORMED);
	case PARSED_OTHER:
		return to_kernel(skb);
	case PARSED_IP:
		break;
	}
	if (!may_send(source, packet))
		return drop(skb, DROP_SOURCE);
	if (stays_on_link(packet))
		return to_kernel(skb);
	track(skb, packet, fate, FROM_POD);
	if (fate->drop)
		return drop(skb, fate->drop);
	if (fate->refused)
		return refuse(skb);
	endpoint = find_endpoint(&packet->tuple.destination);
	if ((source->flags & SOURCE_PACED) && !pace(skb, endpoint != 0))
		return drop(skb, DROP_PACE);
	/* What was translated before others took over goes on past them: they know nothing of it. */
	if (kernel_translates() && !fate->translated)
		return to_kernel(skb);
	if (endpoint)
		return deliver_local(skb, packet, fate, endpoint);
	peer = find_peer(&packet->tuple.destination);
	if (peer && (peer->flags & PEER_TUNNEL))
		return deliver_tunnel(skb, packet, fate, peer);
	/* An answer in a service's name has an address of the node's, or of nobody's: the kernel would not take it from a pod. */
	if (fate->translated && !may_send(source, packet))
		return deliver_out(skb, packet, fate, &packet->tuple.destination);
	return to_kernel(skb);
}
