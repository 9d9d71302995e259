/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * ICMP errors about packets that are translated here and cannot go on: the kernel would tell their senders of addresses that they never
 * used, or tell the wrong one. The packet is turned back, and the error quotes it as its sender knows it.
 */
#ifndef TWILL_ERRORS_H
#define TWILL_ERRORS_H

#include "connections.h"
#include "counters.h"
#include "fate.h"
#include "peers.h"
#include "rewrite.h"
#include "settings.h"

/* Why it cannot go on, as ICMP and ICMPv6 have it. */
#define TOO_BIG 0
#define TOO_OLD 1

#define QUOTED 128     /* bytes: headers and a transport's first bytes, for whoever looks deeper */
#define ICMP_TTL 64
#define IP_DONT_FRAGMENT 0x4000
#define LOOPBACK_IFINDEX 1
/* Of packets that stand for several (SCTP), each as long as its sender made it: linux/skbuff.h. */
#define GSO_BY_FRAGMENTS 0xffff

/* How long a packet is when it leaves, from its IP header on: where it stands for several, each of these. 0: that cannot be said. */
__noinline __u32 leaving_length(struct __sk_buff *skb, const struct packet *packet)
{
	__u32 header;
	__u8 offset;

	if (!packet)
		return 0;
	if (!skb->gso_size)
		return skb->len - ETH_HLEN;
	if (skb->gso_size == GSO_BY_FRAGMENTS)
		return 0;
	header = packet->l4 - ETH_HLEN;
	if (packet->protocol != IPPROTO_TCP)
		return header + UDP_HEAD + skb->gso_size;
	if (bpf_skb_load_bytes(skb, packet->l4 + offsetof(struct transport, offset), &offset, sizeof(offset)))
		return 0;
	return header + (offset >> 4) * 4 + skb->gso_size;
}

/* Whether routers may cut the packet into fragments. */
static __always_inline int may_cut(struct __sk_buff *skb, const struct packet *packet)
{
	const struct iphdr *ip;

	if (packet->flags & PACKET_V6)
		return 0;
	ip = behind_link(skb, sizeof(*ip));
	return ip && !(ip->frag_off & bpf_htons(IP_DONT_FRAGMENT));
}

/* Only the kernel cuts packets. It takes those of its own addresses from nowhere but its loopback device, which has the MAC address 0. */
static __always_inline int cut_by_kernel(struct __sk_buff *skb)
{
	const __u8 nobody[2 * ETH_ALEN] = {};

	if (bpf_skb_store_bytes(skb, 0, nobody, sizeof(nobody), 0))
		return drop(skb, DROP_MALFORMED);
	skb->mark |= MARK_TRACKED;
	count(skb, FORWARD_KERNEL);
	return bpf_redirect(LOOPBACK_IFINDEX, BPF_F_INGRESS);
}

/* Makes the packet again what its sender has sent. */
__noinline int turn_back(struct __sk_buff *skb, struct packet *packet)
{
	const struct translation *back;
	struct tuple answer, sent;

	if (!packet)
		return -1;
	turn(&packet->tuple, &answer);
	back = bpf_map_lookup_elem(&translations, &answer);
	if (!back)
		return -1;
	turn(&back->to, &sent);
	return rewrite(skb, packet, &sent);
}

struct error {
	struct icmp_head icmp;
	__u8 quoted[QUOTED];
};

/* The stack is too small for it, as for `works`. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct error);
} errors SEC(".maps");

static __always_inline __u16 folded(__s64 sum)
{
	__u32 all = (__u32)sum;

	all = (all & 0xffff) + (all >> 16);
	return ~((all & 0xffff) + (all >> 16));
}

/* IP and ICMP headers and the quotation in the place of the packet. Its own headers are `tuple`'s. */
static __always_inline int write_error(struct __sk_buff *skb, const struct tuple *tuple, struct error *error, __u64 length, int v6)
{
	const __u64 size = sizeof(error->icmp) + length;
	__s64 sum = 0;

	if (v6) {
		struct ipv6hdr ip = { .version = 6, .payload_len = bpf_htons(size), .nexthdr = IPPROTO_ICMPV6, .hop_limit = ICMP_TTL };
		__be32 pseudo[2] = { bpf_htonl(size), bpf_htonl(IPPROTO_ICMPV6) };

		__builtin_memcpy(&ip.saddr, &tuple->source, sizeof(ip.saddr));
		__builtin_memcpy(&ip.daddr, &tuple->destination, sizeof(ip.daddr));
		if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM))
			return -1;
		sum = bpf_csum_diff(0, 0, (__be32 *)&ip.saddr, 2 * sizeof(ip.saddr), 0);
		sum = bpf_csum_diff(0, 0, pseudo, sizeof(pseudo), sum);
	} else {
		struct iphdr ip = { .version = 4, .ihl = 5, .tot_len = bpf_htons(sizeof(ip) + size), .ttl = ICMP_TTL, .protocol = IPPROTO_ICMP };

		ip.saddr = tuple->source.word[3];
		ip.daddr = tuple->destination.word[3];
		ip.check = folded(bpf_csum_diff(0, 0, (__be32 *)&ip, sizeof(ip), 0));
		if (bpf_skb_store_bytes(skb, ETH_HLEN, &ip, sizeof(ip), BPF_F_RECOMPUTE_CSUM))
			return -1;
	}
	/* What is not quoted is 0, and makes no difference. */
	error->icmp.checksum = folded(bpf_csum_diff(0, 0, (__be32 *)error, sizeof(*error), sum));
	return bpf_skb_store_bytes(skb, ETH_HLEN + (v6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr)), error, size, BPF_F_RECOMPUTE_CSUM);
}

/* Room for an error of the quoted `length`, of which nobody is to make a checksum any more. */
static __always_inline int make_room(struct __sk_buff *skb, const struct packet *packet, __u32 length)
{
	const __u32 header = packet->flags & PACKET_V6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	/* Where a pod leaves the checksum to its device, it is to be made from the transport's header on: when that was cut away, it is not. */
	const __s32 cut = packet->l4 + 1;

	return bpf_skb_change_tail(skb, ETH_HLEN + header + sizeof(struct icmp_head) + length, 0) ||
	       bpf_skb_adjust_room(skb, -cut, BPF_ADJ_ROOM_MAC, 0) || bpf_skb_adjust_room(skb, cut, BPF_ADJ_ROOM_MAC, 0);
}

/* Who speaks: the node to its pods, and to others the address that they have sent to, which they surely hear. */
static __always_inline void answer_from(const struct packet *packet, const struct fate *fate, struct tuple *answer)
{
	const struct settings *node = get_settings();

	turn(&packet->tuple, answer);
	if (!node || fate->where != FROM_POD)
		return;
	if (!is_unspecified(packet->flags & PACKET_V6 ? &node->node_v6 : &node->node_v4))
		answer->source = packet->flags & PACKET_V6 ? node->node_v6 : node->node_v4;
}

/* True when the packet, which is as its sender sent it, is now the error about itself. */
__noinline int become_error(struct __sk_buff *skb, struct packet *packet, const struct fate *fate, __u32 why, __u32 mtu)
{
	__u8 ends[2 * ETH_ALEN], turned[2 * ETH_ALEN];
	struct tuple answer;
	__u32 first = 0;
	__u64 length;
	struct error *error = bpf_map_lookup_elem(&errors, &first);

	if (!packet || !fate || !error)
		return 0;
	/* RFC 1122 section 3.2.2, RFC 4443 section 2.4. */
	if ((packet->flags & PACKET_ICMP_ERROR) || (packet->flags & (PACKET_FRAGMENT_LATER | PACKET_V6)) == PACKET_FRAGMENT_LATER)
		return 0;
	length = skb->len - ETH_HLEN;
	if (length > QUOTED)
		length = QUOTED;
	__builtin_memset(error, 0, sizeof(*error));
	if (packet->flags & PACKET_V6) {
		error->icmp.type = why == TOO_BIG ? 2 : 3;
	} else {
		error->icmp.type = why == TOO_BIG ? 3 : 11;
		error->icmp.code = why == TOO_BIG ? 4 : 0;
	}
	error->icmp.sequence = why == TOO_BIG ? bpf_htons(mtu) : 0;
	answer_from(packet, fate, &answer);
	/* Older verifiers must be shown its bounds where it is used. */
	asm volatile("" : "+r"(length));
	if (length < sizeof(struct iphdr) || length > QUOTED)
		return 0;
	if (bpf_skb_load_bytes(skb, ETH_HLEN, error->quoted, length) || bpf_skb_load_bytes(skb, 0, ends, sizeof(ends)))
		return 0;
	__builtin_memcpy(turned, ends + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(turned + ETH_ALEN, ends, ETH_ALEN);
	if (make_room(skb, packet, length) || write_error(skb, &answer, error, length, packet->flags & PACKET_V6) ||
	    bpf_skb_store_bytes(skb, 0, turned, sizeof(turned), 0))
		return 0;
	packet->tuple = answer;
	packet->ttl = ICMP_TTL;
	return 1;
}

#endif
