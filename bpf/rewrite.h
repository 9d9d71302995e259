/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Other addresses and ports in a packet's headers, with their checksums. */
#ifndef TWILL_REWRITE_H
#define TWILL_REWRITE_H

#include <linux/tcp.h>
#include <linux/udp.h>
#include "packet.h"

/* RFC 792, RFC 4443; the kernel's own header needs a C library. */
struct icmp_head {
	__u8 type;
	__u8 code;
	__be16 checksum;
	__be16 identifier; /* of an echo */
	__be16 sequence;
};

/* Where a transport's checksum stands in its header; 0: it has none that addresses or ports are part of. */
static __always_inline __u16 checksum_at(const struct packet *packet)
{
	switch (packet->protocol) {
	case IPPROTO_TCP:
		return offsetof(struct tcphdr, check);
	case IPPROTO_UDP:
		return offsetof(struct udphdr, check);
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return offsetof(struct icmp_head, checksum);
	}
	return 0;
}

/* Where a transport's source and destination ports stand; an echo's identifier is both. */
static __always_inline __u16 port_at(const struct packet *packet, int destination)
{
	if (packet->tuple.protocol == IPPROTO_ICMP)
		return offsetof(struct icmp_head, identifier);
	return destination ? 2 : 0;
}

/* The difference that addresses make to a sum over them. */
static __always_inline __s64 address_difference(const struct tuple *from, const struct tuple *to, int v6)
{
	if (v6)
		return bpf_csum_diff((__be32 *)&from->source, 2 * sizeof(struct address), (__be32 *)&to->source, 2 * sizeof(struct address), 0);
	__u64 sum = (__u64)(__u32)~from->source.word[3] + (__u32)~from->destination.word[3] + to->source.word[3] + to->destination.word[3];

	sum = (sum & 0xffffffff) + (sum >> 32);
	return (__u32)sum + (sum >> 32);
}

/* Into the IP header at `l3`. */
static __always_inline int store_addresses(struct __sk_buff *skb, __u16 l3, const struct tuple *to, int v6)
{
	if (v6)
		return bpf_skb_store_bytes(skb, l3 + offsetof(struct ipv6hdr, saddr), &to->source, 2 * sizeof(struct address), 0);
	__be32 after[2] = { to->source.word[3], to->destination.word[3] };

	return bpf_skb_store_bytes(skb, l3 + offsetof(struct iphdr, saddr), after, sizeof(after), 0);
}

/* With the header's checksum, in place: a call for each costs more. `parse_packet` has seen to it that the header can be reached. */
static __always_inline int store_addresses_v4(struct __sk_buff *skb, const struct tuple *to, __u32 difference)
{
	struct iphdr *ip = packet_start(skb) + ETH_HLEN;
	__u32 sum;

	if ((void *)(ip + 1) > packet_end(skb))
		return -1;
	sum = (__u16)~ip->check + (difference & 0xffff) + (difference >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	ip->check = ~((sum & 0xffff) + (sum >> 16));
	ip->saddr = to->source.word[3];
	ip->daddr = to->destination.word[3];
	return 0;
}

static __always_inline int rewrite_port(struct __sk_buff *skb, const struct packet *packet, int destination, __be16 from, __be16 to)
{
	const __u64 keep_none = packet->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

	if (from == to)
		return 0;
	if (bpf_l4_csum_replace(skb, packet->l4 + checksum_at(packet), from, to, sizeof(to) | keep_none))
		return -1;
	return bpf_skb_store_bytes(skb, packet->l4 + port_at(packet, destination), &to, sizeof(to), 0);
}

/*
 * Makes the packet say `to`. Both are of one family and protocol. Nonzero where that cannot be: SCTP's checksum is over all of the
 * packet, so its ports stay as they are.
 */
__noinline int rewrite(struct __sk_buff *skb, struct packet *packet, const struct tuple *to)
{
	const struct tuple *from;
	__s64 difference;
	__u16 checksum;
	int v6;

	if (!packet || !to)
		return -1;
	from = &packet->tuple;
	checksum = checksum_at(packet);
	v6 = packet->flags & PACKET_V6;
	if (address_is_v4(&to->source) == !!v6)
		return -1;
	if (!checksum && (from->source_port != to->source_port || from->destination_port != to->destination_port))
		return -1;
	difference = address_difference(from, to, v6);
	if (!(packet->flags & PACKET_FRAGMENT_LATER)) {
		const __u64 keep_none = packet->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;

		/* ICMP's own sum has no addresses in it. */
		if (checksum && packet->protocol != IPPROTO_ICMP &&
		    bpf_l4_csum_replace(skb, packet->l4 + checksum, 0, difference, BPF_F_PSEUDO_HDR | keep_none))
			return -1;
		if (checksum && packet->tuple.protocol == IPPROTO_ICMP) {
			if (rewrite_port(skb, packet, 0, from->source_port, to->source_port))
				return -1;
		} else if (checksum) {
			if (rewrite_port(skb, packet, 0, from->source_port, to->source_port) ||
			    rewrite_port(skb, packet, 1, from->destination_port, to->destination_port))
				return -1;
		}
	}
	/*
	 * Where the device has summed the whole packet, the kernel takes addresses to be made up for by the IP header's own checksum, which
	 * IPv6 has not: their difference is added here (kernels from 6.16 on have a flag for it). Fails where nothing was summed.
	 */
	if (v6)
		bpf_csum_update(skb, difference);
	if (v6 ? store_addresses(skb, ETH_HLEN, to, v6) : store_addresses_v4(skb, to, difference))
		return -1;
	packet->tuple = *to;
	return 0;
}

#endif
