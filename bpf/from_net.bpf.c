/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What reaches the node for one of its pods: over its own devices, or through the overlay. */
#include "deliver.h"

/* The node's own devices: what is not for a pod is none of our business. */
SEC("tc")
int from_net(struct __sk_buff *skb)
{
	const struct endpoint *endpoint;
	struct packet packet = {};

	if (parse_packet(skb, &packet) != PARSED_IP)
		return TC_ACT_OK;
	if (kernel_translates())
		return TC_ACT_OK;
	endpoint = find_endpoint(&packet.destination);
	return endpoint ? deliver_local(skb, &packet, endpoint) : TC_ACT_OK;
}

/* Whether the node at the other end of the tunnel is where the sender lives. Nodes themselves send from their own addresses. */
static __always_inline int came_from_its_node(const struct packet *packet, const struct address *outer)
{
	const struct peer *peer = find_peer(&packet->source);

	return !peer || address_equal(&peer->node, outer);
}

SEC("tc")
int from_overlay(struct __sk_buff *skb)
{
	const struct endpoint *endpoint;
	struct bpf_tunnel_key key = {};
	struct packet packet = {};
	struct address outer;

	if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0)) {
		outer = address_v4(bpf_htonl(key.remote_ipv4));
	} else {
		if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6))
			return drop(skb, DROP_TUNNEL_KEY);
		outer = address_v6(key.remote_ipv6);
	}
	if (parse_packet(skb, &packet) != PARSED_IP)
		return drop(skb, DROP_MALFORMED);
	if (!came_from_its_node(&packet, &outer))
		return drop(skb, DROP_TUNNEL_SOURCE);
	if (kernel_translates())
		return to_kernel(skb);
	endpoint = find_endpoint(&packet.destination);
	/* What is for the node itself, or for a pod that just went, the kernel answers. */
	return endpoint ? deliver_local(skb, &packet, endpoint) : to_kernel(skb);
}
