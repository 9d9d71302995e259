/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What reaches the node over its own devices or through the overlay: for its pods, and for services. */
#include <linux/if_packet.h>
#include "deliver.h"
#include "track.h"

#define VLAN_VID_MASK 0x0fff

/* From where `track` was told that it is the business of pods or services. */
static __always_inline int forward_from_net(struct __sk_buff *skb, struct packet *packet, const struct fate *fate)
{
	const struct endpoint *endpoint = find_endpoint(&packet->tuple.destination);
	const struct peer *peer;

	if (endpoint)
		return deliver_local(skb, packet, fate, endpoint);
	if (!fate->translated)
		return TC_ACT_OK;
	peer = find_peer(&packet->tuple.destination);
	if (peer && (peer->flags & PEER_TUNNEL))
		return deliver_tunnel(skb, packet, fate, peer);
	/* A backend in the node's own network. */
	if (identity_of(&packet->tuple.destination) == IDENTITY_SELF)
		return to_kernel(skb);
	return deliver_out(skb, packet, fate, &packet->tuple.destination);
}

static __always_inline int receive(struct __sk_buff *skb, struct work *work)
{
	track(skb, &work->packet, &work->fate, FROM_NET);
	if (work->fate.drop)
		return drop(skb, work->fate.drop);
	if (work->fate.refused)
		return refuse(skb);
	if (work->fate.direct)
		return deliver_out(skb, &work->packet, &work->fate, &work->fate.to.destination);
	return forward_from_net(skb, &work->packet, &work->fate);
}

/* What carries the overlay between nodes is for the node itself. */
static __always_inline int is_underlay(const struct packet *packet)
{
	const struct settings *node = get_settings();

	return packet->protocol == IPPROTO_UDP && node && node->tunnel_port && packet->tuple.destination_port == node->tunnel_port &&
	       !find_endpoint(&packet->tuple.destination);
}

/* Frames for other machines, which the wire brings along, and of VLANs, which devices of their own receive. */
static __always_inline int is_for_device(const struct __sk_buff *skb)
{
	return skb->pkt_type == PACKET_HOST && !(skb->vlan_present && (skb->vlan_tci & VLAN_VID_MASK));
}

/* Of a connection that was translated before others took over. They know nothing of it, and it goes on past them. */
static __always_inline int was_ours(const struct packet *packet)
{
	return !is_fragment(packet) && bpf_map_lookup_elem(&translations, &packet->tuple);
}

/* The node's own devices: what is for no pod and no service is none of our business. */
SEC("tc")
int from_net(struct __sk_buff *skb)
{
	struct work *work = begin_work();

	if (!work || !is_for_device(skb) || parse_packet(skb, &work->packet) != PARSED_IP)
		return TC_ACT_OK;
	/* No router takes on what comes from a link-local address (RFC 4291 section 2.5.6). */
	if (is_underlay(&work->packet) || stays_on_link(&work->packet) || is_link_local_v6(&work->packet.tuple.source))
		return TC_ACT_OK;
	if (kernel_translates() && !was_ours(&work->packet))
		return is_of_node(&work->packet.tuple.source) ? drop(skb, DROP_SOURCE) : TC_ACT_OK;
	return receive(skb, work);
}

/*
 * What the node itself says over its devices: a service's backend in the node's own network answers in the service's name. Nothing is
 * looked at unless there is such a backend.
 */
SEC("tc")
int to_net(struct __sk_buff *skb)
{
	const struct settings *node = get_settings();
	struct work *work;

	if (!node || !(node->flags & SETTING_HOST_BACKENDS))
		return TC_ACT_OK;
	work = begin_work();
	if (!work || parse_packet(skb, &work->packet) != PARSED_IP)
		return TC_ACT_OK;
	track_answer(skb, &work->packet, &work->fate);
	return work->fate.drop ? drop(skb, work->fate.drop) : TC_ACT_OK;
}

/*
 * Whether the node at the other end of the tunnel is where the sender lives; else the outcome. Nodes themselves send from their own
 * addresses, which are peers as well. Of a node that has just joined the agent may not know yet: until then no answer would find its way
 * there. A function of its own for the stack's sake.
 */
__noinline int refuses_tunnel(struct __sk_buff *skb, const struct packet *packet)
{
	struct bpf_tunnel_key key = {};
	const struct peer *peer;
	struct address outer;

	if (!packet)
		return DROP_MALFORMED;
	if (!bpf_skb_get_tunnel_key(skb, &key, sizeof(key), 0)) {
		outer = address_v4(bpf_htonl(key.remote_ipv4));
	} else {
		if (bpf_skb_get_tunnel_key(skb, &key, sizeof(key), BPF_F_TUNINFO_IPV6))
			return DROP_TUNNEL_KEY;
		outer = address_v6(key.remote_ipv6);
	}
	peer = find_peer(&packet->tuple.source);
	if (peer && address_equal(&peer->node, &outer))
		return 0;
	return find_peer(&outer) ? DROP_TUNNEL_SOURCE : DROP_TUNNEL_NODE;
}

SEC("tc")
int from_overlay(struct __sk_buff *skb)
{
	struct work *work = begin_work();
	int outcome;

	if (!work || parse_packet(skb, &work->packet) != PARSED_IP)
		return drop(skb, DROP_MALFORMED);
	outcome = refuses_tunnel(skb, &work->packet);
	if (outcome)
		return drop(skb, outcome);
	if (kernel_translates() && !was_ours(&work->packet))
		return to_kernel(skb);
	/* What is for the node itself, or for a pod that just went, the kernel answers. */
	return receive(skb, work);
}
