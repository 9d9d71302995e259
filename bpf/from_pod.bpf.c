/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What a pod sends, as it leaves the host's end of its link: who it may be, and where it goes. */
#include "deliver.h"

/* Whether the pod has the address it sends from. Neighbour discovery speaks from link-local and unspecified addresses. */
static __always_inline int may_send(const struct source *source, const struct packet *packet)
{
	if (!packet->v6)
		return address_equal(&packet->source, &source->v4);
	if (address_equal(&packet->source, &source->v6) && !is_unspecified(&packet->source))
		return 1;
	return (is_link_local_v6(&packet->source) || is_unspecified(&packet->source)) && stays_on_link(packet);
}

SEC("tc")
int from_pod(struct __sk_buff *skb)
{
	const struct source *source = find_source(skb->ifindex);
	const struct endpoint *endpoint;
	const struct peer *peer;
	struct packet packet = {};

	if (!source)
		return drop(skb, DROP_NO_ENDPOINT);
	switch (parse_packet(skb, &packet)) {
	case PARSED_NOTHING:
		return drop(skb, DROP_MALFORMED);
	case PARSED_OTHER:
		return to_kernel(skb);
	case PARSED_IP:
		break;
	}
	if (!may_send(source, &packet))
		return drop(skb, DROP_SOURCE);
	if (stays_on_link(&packet) || kernel_translates())
		return to_kernel(skb);
	endpoint = find_endpoint(&packet.destination);
	if (endpoint)
		return deliver_local(skb, &packet, endpoint);
	peer = find_peer(&packet.destination);
	if (peer && (peer->flags & PEER_TUNNEL))
		return deliver_tunnel(skb, &packet, peer);
	return to_kernel(skb);
}
