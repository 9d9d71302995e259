/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The two ways on from here: into a pod of this node, or into the overlay. */
#ifndef TWILL_DELIVER_H
#define TWILL_DELIVER_H

#include "counters.h"
#include "endpoints.h"
#include "packet.h"
#include "peers.h"
#include "settings.h"

/* Straight into the pod's namespace: its end of the link receives the packet as if it had come over it. */
static __always_inline int deliver_local(struct __sk_buff *skb, const struct packet *packet, const struct endpoint *endpoint)
{
	/* The kernel says "time exceeded" and "too big" better than we would. */
	if (packet->ttl <= 1 || (!skb->gso_segs && skb->len > endpoint->mtu + ETH_HLEN))
		return to_kernel(skb);
	if (decrement_ttl(skb, packet) || set_macs(skb, endpoint->mac, endpoint->host_mac))
		return drop(skb, DROP_MALFORMED);
	count(skb, FORWARD_LOCAL);
	return bpf_redirect_peer(endpoint->ifindex, 0);
}

static __always_inline int deliver_tunnel(struct __sk_buff *skb, const struct packet *packet, const struct peer *peer)
{
	const struct settings *node = get_settings();
	struct bpf_tunnel_key key = {};
	__u64 flags = 0;

	if (!node || !node->tunnel_ifindex || packet->ttl <= 1)
		return to_kernel(skb);
	key.tunnel_id = node->tunnel_id;
	key.tunnel_ttl = 64;
	if (address_is_v4(&peer->node)) {
		key.remote_ipv4 = bpf_ntohl(peer->node.word[3]);
		flags = BPF_F_ZERO_CSUM_TX;
	} else {
		__builtin_memcpy(key.remote_ipv6, peer->node.word, sizeof(key.remote_ipv6));
		flags = BPF_F_TUNINFO_IPV6;
	}
	if (decrement_ttl(skb, packet) || set_macs(skb, peer->mac, node->tunnel_mac))
		return drop(skb, DROP_MALFORMED);
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), flags))
		return drop(skb, DROP_TUNNEL_KEY);
	count(skb, FORWARD_TUNNEL);
	return bpf_redirect(node->tunnel_ifindex, 0);
}

#endif
