/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The ways on from here: into a pod of this node, into the overlay, or out of a device. */
#ifndef TWILL_DELIVER_H
#define TWILL_DELIVER_H

#include "counters.h"
#include "endpoints.h"
#include "errors.h"
#include "packet.h"
#include "peers.h"
#include "settings.h"

#ifndef AF_INET
#define AF_INET 2
#define AF_INET6 10
#endif

/* Whoever sends no more than this is not asked how much he sends: IPv6's smallest MTU. */
#define SMALL_ENOUGH 1280

/* Through the overlay to where a peer's tunnel ends; from the address that the peer knows this node by. */
static __always_inline int into_tunnel(struct __sk_buff *skb, const struct packet *packet, const struct peer *peer, const struct settings *node)
{
	struct bpf_tunnel_key key = { .tunnel_id = node->tunnel_id, .tunnel_ttl = 64 };
	__u64 flags = 0;

	if (address_is_v4(&peer->node)) {
		key.remote_ipv4 = bpf_ntohl(peer->node.word[3]);
		key.local_ipv4 = bpf_ntohl(node->node_v4.word[3]);
		flags = BPF_F_ZERO_CSUM_TX;
	} else {
		__builtin_memcpy(key.remote_ipv6, peer->node.word, sizeof(key.remote_ipv6));
		__builtin_memcpy(key.local_ipv6, node->node_v6.word, sizeof(key.local_ipv6));
		flags = BPF_F_TUNINFO_IPV6;
	}
	if (route_headers(skb, packet, peer->mac, node->tunnel_mac))
		return drop(skb, DROP_MALFORMED);
	if (bpf_skb_set_tunnel_key(skb, &key, sizeof(key), flags))
		return drop(skb, DROP_TUNNEL_KEY);
	count(skb, FORWARD_TUNNEL);
	return bpf_redirect(node->tunnel_ifindex, 0);
}

/* A packet of a connection that is translated here does not go on: its sender is told, on the way that it came. */
__noinline int refuse_way(struct __sk_buff *skb, struct packet *packet, const struct fate *fate, __u32 why, __u32 mtu)
{
	const struct settings *node = get_settings();
	const struct peer *peer;

	if (!packet || !fate || !node)
		return TC_ACT_SHOT;
	count(skb, why == TOO_BIG ? REFUSED_SIZE : REFUSED_HOPS);
	if ((fate->translated && turn_back(skb, packet)) || !become_error(skb, packet, fate, why, mtu))
		return TC_ACT_SHOT;
	if (node->tunnel_ifindex && skb->ifindex == node->tunnel_ifindex) {
		peer = find_peer(&packet->tuple.destination);
		return peer ? into_tunnel(skb, packet, peer, node) : TC_ACT_SHOT;
	}
	skb->mark |= MARK_TRACKED;
	return bpf_redirect(skb->ifindex, 0);
}

/* Straight into the pod's namespace: its end of the link receives the packet as if it had come over it. */
static __always_inline int deliver_local(struct __sk_buff *skb, struct packet *packet, const struct fate *fate,
					 const struct endpoint *endpoint)
{
	const int too_big = !skb->gso_size && skb->len > endpoint->mtu + ETH_HLEN;

	if (packet->ttl <= 1 || too_big) {
		if (fate->translated && !(packet->ttl > 1 && may_cut(skb, packet)))
			return refuse_way(skb, packet, fate, packet->ttl <= 1 ? TOO_OLD : TOO_BIG, endpoint->mtu);
		/* The kernel says "time exceeded" and "too big" better than we would. */
		skb->mark |= MARK_TRACKED;
		return to_kernel(skb);
	}
	if (route_headers(skb, packet, endpoint->mac, endpoint->host_mac))
		return drop(skb, DROP_MALFORMED);
	count(skb, FORWARD_LOCAL);
	if (endpoint->flags & ENDPOINT_BY_LINK) {
		skb->mark |= MARK_TRACKED;
		return bpf_redirect(endpoint->ifindex, 0);
	}
	return bpf_redirect_peer(endpoint->ifindex, 0);
}

static __always_inline int deliver_tunnel(struct __sk_buff *skb, struct packet *packet, const struct fate *fate, const struct peer *peer)
{
	const struct settings *node = get_settings();
	__u32 mtu = 0;

	if (!node || !node->tunnel_ifindex || (packet->ttl <= 1 && !fate->translated))
		return to_kernel(skb);
	if (packet->ttl <= 1)
		return refuse_way(skb, packet, fate, TOO_OLD, 0);
	/* What may be cut is, around it: the underlay's packets. */
	if (fate->translated && skb->len > SMALL_ENOUGH + ETH_HLEN && bpf_check_mtu(skb, node->tunnel_ifindex, &mtu, 0, 0) >= 0 &&
	    leaving_length(skb, packet) > mtu && !may_cut(skb, packet))
		return refuse_way(skb, packet, fate, TOO_BIG, mtu);
	return into_tunnel(skb, packet, peer, node);
}

/* Straight out of one of the node's devices: the kernel takes no packet from its own address, or for nobody it knows, on this way. */
static __always_inline int deliver_out(struct __sk_buff *skb, struct packet *packet, const struct fate *fate, const struct address *via)
{
	struct bpf_redir_neigh next = {};
	struct bpf_fib_lookup way = { .ifindex = skb->ifindex };
	long found;

	if (packet->ttl <= 1)
		return refuse_way(skb, packet, fate, TOO_OLD, 0);
	if (packet->flags & PACKET_V6) {
		way.family = AF_INET6;
		__builtin_memcpy(way.ipv6_src, packet->tuple.source.word, sizeof(way.ipv6_src));
		__builtin_memcpy(way.ipv6_dst, via->word, sizeof(way.ipv6_dst));
	} else {
		way.family = AF_INET;
		way.ipv4_src = packet->tuple.source.word[3];
		way.ipv4_dst = via->word[3];
	}
	way.tot_len = leaving_length(skb, packet);
	found = bpf_fib_lookup(skb, &way, sizeof(way), 0);
	if (found == BPF_FIB_LKUP_RET_FRAG_NEEDED)
		return may_cut(skb, packet) ? cut_by_kernel(skb) : refuse_way(skb, packet, fate, TOO_BIG, way.mtu_result);
	if (found != BPF_FIB_LKUP_RET_SUCCESS && found != BPF_FIB_LKUP_RET_NO_NEIGH)
		return drop(skb, DROP_ROUTE);
	/* Without a neighbour the kernel sets them. */
	if (route_headers(skb, packet, way.dmac, way.smac))
		return drop(skb, DROP_MALFORMED);
	count(skb, FORWARD_NET);
	if (found == BPF_FIB_LKUP_RET_SUCCESS)
		return bpf_redirect(way.ifindex, 0);
	/* The look-up left the next hop in the destination. */
	next.nh_family = way.family;
	if (way.family == AF_INET6)
		__builtin_memcpy(next.ipv6_nh, way.ipv6_dst, sizeof(next.ipv6_nh));
	else
		next.ipv4_nh = way.ipv4_dst;
	return bpf_redirect_neigh(way.ifindex, &next, sizeof(next), 0);
}

#endif
