/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* ICMP errors quote the packet that they are about: where that was translated, the quotation is turned back for whoever sent it. */
#ifndef TWILL_QUOTED_H
#define TWILL_QUOTED_H

#include "connections.h"
#include "counters.h"
#include "fate.h"
#include "rewrite.h"

struct quotation {
	struct tuple tuple;
	__u16 l3; /* where the quoted IP header begins */
	__u16 l4;
	__u8 protocol;
};

/* Nonzero for later fragments, which have no ports. */
static __always_inline int skip_fragment_header(struct __sk_buff *skb, struct quotation *quotation)
{
	__u8 head[8];

	if (quotation->protocol != IPPROTO_FRAGMENT)
		return 0;
	if (bpf_skb_load_bytes(skb, quotation->l4, head, sizeof(head)))
		return -1;
	quotation->protocol = head[0];
	quotation->l4 += sizeof(head);
	return head[2] || (head[3] & 0xf8);
}

static __always_inline int read_quotation(struct __sk_buff *skb, const struct packet *packet, struct quotation *quotation)
{
	__be16 ports[4];

	quotation->l3 = packet->l4 + sizeof(struct icmp_head);
	if (packet->flags & PACKET_V6) {
		struct ipv6hdr ip;

		if (bpf_skb_load_bytes(skb, quotation->l3, &ip, sizeof(ip)))
			return -1;
		quotation->tuple.source = address_v6(ip.saddr.in6_u.u6_addr32);
		quotation->tuple.destination = address_v6(ip.daddr.in6_u.u6_addr32);
		quotation->protocol = ip.nexthdr;
		quotation->l4 = quotation->l3 + sizeof(ip);
		if (skip_fragment_header(skb, quotation))
			return -1;
	} else {
		struct iphdr ip;

		if (bpf_skb_load_bytes(skb, quotation->l3, &ip, sizeof(ip)) || (bpf_ntohs(ip.frag_off) & 0x1fff))
			return -1;
		quotation->tuple.source = address_v4(ip.saddr);
		quotation->tuple.destination = address_v4(ip.daddr);
		quotation->protocol = ip.protocol;
		quotation->l4 = quotation->l3 + ip.ihl * 4;
	}
	if (bpf_skb_load_bytes(skb, quotation->l4, ports, sizeof(ports)))
		return -1;
	quotation->tuple.protocol = quotation->protocol;
	if (quotation->protocol == IPPROTO_ICMP || quotation->protocol == IPPROTO_ICMPV6) {
		quotation->tuple.protocol = IPPROTO_ICMP;
		quotation->tuple.source_port = quotation->tuple.destination_port = ports[2];
	} else if (quotation->protocol == IPPROTO_TCP || quotation->protocol == IPPROTO_UDP || quotation->protocol == IPPROTO_SCTP) {
		quotation->tuple.source_port = ports[0];
		quotation->tuple.destination_port = ports[1];
	}
	return 0;
}

static __always_inline int rewrite_quoted_port(struct __sk_buff *skb, const struct packet *packet, __u16 at, __be16 from, __be16 to)
{
	if (from == to)
		return 0;
	if (bpf_l4_csum_replace(skb, packet->l4 + offsetof(struct icmp_head, checksum), from, to, sizeof(to)))
		return -1;
	return bpf_skb_store_bytes(skb, at, &to, sizeof(to), 0);
}

/* The quoted transport's own checksum is left: a quotation need not be whole, and nobody checks it. */
static __always_inline int rewrite_quotation(struct __sk_buff *skb, const struct packet *packet, const struct quotation *quotation,
					     const struct tuple *to)
{
	const int v6 = packet->flags & PACKET_V6;
	__s64 difference = address_difference(&quotation->tuple, to, v6);

	/* In IPv4 the change of the quoted header's checksum makes up for that of its addresses. */
	if (v6 ? bpf_l4_csum_replace(skb, packet->l4 + offsetof(struct icmp_head, checksum), 0, difference, 0)
	       : bpf_l3_csum_replace(skb, quotation->l3 + offsetof(struct iphdr, check), 0, difference, 0))
		return -1;
	if (store_addresses(skb, quotation->l3, to, v6))
		return -1;
	if (quotation->tuple.protocol == IPPROTO_ICMP)
		return rewrite_quoted_port(skb, packet, quotation->l4 + offsetof(struct icmp_head, identifier), quotation->tuple.source_port,
					   to->source_port);
	return rewrite_quoted_port(skb, packet, quotation->l4, quotation->tuple.source_port, to->source_port) ||
	       rewrite_quoted_port(skb, packet, quotation->l4 + 2, quotation->tuple.destination_port, to->destination_port);
}

/* Errors go to whom sent what they are about. A pod is an end of its connections: others' packets are none of its business. */
static __always_inline int may_quote(const struct packet *packet, const struct fate *fate, const struct tuple *quoted)
{
	return address_equal(&packet->tuple.destination, &quoted->source) &&
	       (fate->where != FROM_POD || address_equal(&packet->tuple.source, &quoted->destination));
}

/* Whether an error is about a connection that is known. Where that is translated, so is the error. */
__noinline int translate_quoted(struct __sk_buff *skb, struct packet *packet, struct fate *fate)
{
	struct quotation quotation = {};
	const struct translation *translation;
	struct tuple answer, outer;

	if (!packet || !fate || read_quotation(skb, packet, &quotation) || !may_quote(packet, fate, &quotation.tuple))
		return 0;
	turn(&quotation.tuple, &answer);
	translation = bpf_map_lookup_elem(&translations, &answer);
	if (!translation) {
		make_key(&quotation.tuple, &answer);
		return bpf_map_lookup_elem(&connections, &answer) != 0;
	}
	outer = packet->tuple;
	turn(&translation->to, &answer);
	/* A router on the way speaks for itself. */
	if (address_equal(&packet->tuple.source, &quotation.tuple.destination))
		outer.source = translation->to.source;
	outer.destination = translation->to.destination;
	if (rewrite_quotation(skb, packet, &quotation, &answer) || rewrite(skb, packet, &outer))
		fate->drop = DROP_TRANSLATION;
	fate->translated = 1;
	return 1;
}

#endif
