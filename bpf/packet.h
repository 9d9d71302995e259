/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A packet's headers as far as forwarding looks at them. */
#ifndef TWILL_PACKET_H
#define TWILL_PACKET_H

#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "tuple.h"

/* The compiler would read these once, and extend them as numbers: pointers into the packet they would be no more for the verifier. */
static __always_inline void *packet_start(const struct __sk_buff *skb)
{
	void *start;

	asm volatile("%0 = *(u32 *)(%1 + %2)" : "=r"(start) : "r"(skb), "i"(offsetof(struct __sk_buff, data)));
	return start;
}

static __always_inline void *packet_end(const struct __sk_buff *skb)
{
	void *end;

	asm volatile("%0 = *(u32 *)(%1 + %2)" : "=r"(end) : "r"(skb), "i"(offsetof(struct __sk_buff, data_end)));
	return end;
}

enum parsed {
	PARSED_IP,      /* addresses are known, ports as far as the packet has them */
	PARSED_OTHER,   /* no IP: ARP and the like */
	PARSED_NOTHING, /* headers that nobody could follow, or should */
};

#define PACKET_V6 0x01
#define PACKET_FRAGMENT_FIRST 0x02 /* more of it follows, without ports */
#define PACKET_FRAGMENT_LATER 0x04
#define PACKET_ICMP_ERROR 0x08 /* about another packet, which it quotes */

struct packet {
	struct tuple tuple;
	__u32 fragment;   /* what its fragments have in common */
	__u16 l4;         /* where the transport's header begins */
	__u16 icmp;       /* type and code, as the wire has them in order */
	__u8 flags;
	__u8 ttl;         /* IPv4 time to live, IPv6 hop limit */
	__u8 tcp;         /* flags of TCP, as in the header's byte 13 */
	__u8 protocol;    /* as the header says: ICMPv6 is 58 */
	__be16 sequence;  /* upper halves of TCP's numbers */
	__be16 acknowledged;
};

#define TCP_FIN 0x01
#define TCP_SYN 0x02
#define TCP_RST 0x04
#define TCP_ACK 0x10

/* The part of each transport's header that is looked at: ports, TCP's flags, ICMP's type, code and identifier. */
struct transport {
	__be16 source;
	__be16 destination;
	__be16 words[4]; /* of TCP: sequence and acknowledgement number */
	__u8 offset;
	__u8 flags;
};
_Static_assert(sizeof(struct transport) == 14, "struct transport is the head of a TCP header");

#define UDP_HEAD 8

static __always_inline int is_icmp_error(const struct packet *packet, __u8 type)
{
	/* RFC 792: unreachable, time exceeded, parameter problem; RFC 4443: all below 128 */
	return packet->flags & PACKET_V6 ? type < 128 : type == 3 || type == 11 || type == 12;
}

static __always_inline void set_protocol(struct packet *packet, __u8 protocol)
{
	packet->protocol = protocol;
	packet->tuple.protocol = protocol == IPPROTO_ICMPV6 ? IPPROTO_ICMP : protocol;
}

static __always_inline enum parsed parse_transport(struct __sk_buff *skb, struct packet *packet)
{
	struct transport head = {};
	void *data = packet_start(skb);
	void *end = packet_end(skb);
	/* Without options, where most are. */
	const __u16 usual = ETH_HLEN + (packet->flags & PACKET_V6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr));
	__u8 protocol = packet->protocol;

	set_protocol(packet, protocol);
	if (packet->flags & PACKET_FRAGMENT_LATER)
		return PARSED_IP;
	if (protocol == IPPROTO_TCP) {
		const struct transport *tcp = data + usual;

		if (packet->l4 == usual && (void *)(tcp + 1) <= end) {
			packet->tuple.source_port = tcp->source;
			packet->tuple.destination_port = tcp->destination;
			packet->tcp = tcp->flags;
			packet->sequence = tcp->words[0];
			packet->acknowledged = tcp->words[2];
			return PARSED_IP;
		}
		if (bpf_skb_load_bytes(skb, packet->l4, &head, sizeof(head)))
			return PARSED_NOTHING;
		packet->tcp = head.flags;
		packet->sequence = head.words[0];
		packet->acknowledged = head.words[2];
	} else if (protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_ICMP || protocol == IPPROTO_ICMPV6) {
		if (bpf_skb_load_bytes(skb, packet->l4, &head, UDP_HEAD))
			return PARSED_NOTHING;
	} else {
		return PARSED_IP;
	}
	if (packet->tuple.protocol == IPPROTO_ICMP) {
		__u8 type = bpf_ntohs(head.source) >> 8;

		packet->icmp = bpf_ntohs(head.source);
		if (is_icmp_error(packet, type)) {
			packet->flags |= PACKET_ICMP_ERROR;
			return PARSED_IP;
		}
		/* Echo and its answer have an identifier, the second word after the checksum. */
		if (packet->flags & PACKET_V6 ? type == 128 || type == 129 : type == 0 || type == 8)
			packet->tuple.source_port = packet->tuple.destination_port = head.words[0];
		return PARSED_IP;
	}
	packet->tuple.source_port = head.source;
	packet->tuple.destination_port = head.destination;
	return PARSED_IP;
}

#define MAX_EXTENSIONS 4

static __always_inline int is_extension(__u8 next)
{
	return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_FRAGMENT;
}

static __always_inline enum parsed parse_extensions(struct __sk_buff *skb, struct packet *packet, __u8 next)
{
	__u16 offset = ETH_HLEN + sizeof(struct ipv6hdr);

	for (int i = 0; i < MAX_EXTENSIONS; i++) {
		__u8 head[8];

		if (!is_extension(next))
			break;
		if (bpf_skb_load_bytes(skb, offset, head, sizeof(head)))
			return PARSED_NOTHING;
		if (next == IPPROTO_FRAGMENT) {
			__u16 where = (__u16)head[2] << 8 | head[3];

			packet->fragment = *(__u32 *)&head[4];
			if (where & 0xfff8) {
				/* What follows is no header, and its kind the first one's to say (RFC 8200 section 4.5). */
				packet->flags |= PACKET_FRAGMENT_LATER;
				return PARSED_IP;
			}
			if (where & 1)
				packet->flags |= PACKET_FRAGMENT_FIRST;
			offset += sizeof(head);
		} else {
			offset += (head[1] + 1) * 8;
		}
		next = head[0];
	}
	/* More of them than anybody sends for good would hide from policies what they carry. */
	if (is_extension(next))
		return PARSED_NOTHING;
	packet->protocol = next;
	packet->l4 = offset;
	return PARSED_IP;
}

/* The first bytes behind the link's header; those of a packet in several pieces may not be in the first. 0: there are not as many. */
static __always_inline void *behind_link(struct __sk_buff *skb, __u32 size)
{
	void *start = packet_start(skb);

	if (start + ETH_HLEN + size <= packet_end(skb))
		return start + ETH_HLEN;
	if (bpf_skb_pull_data(skb, ETH_HLEN + size))
		return 0;
	start = packet_start(skb);
	return start + ETH_HLEN + size <= packet_end(skb) ? start + ETH_HLEN : 0;
}

static __always_inline enum parsed parse_packet(struct __sk_buff *skb, struct packet *packet)
{
	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		const struct iphdr *ip = behind_link(skb, sizeof(*ip));
		__u16 where;

		if (!ip || ip->ihl < 5)
			return PARSED_NOTHING;
		packet->tuple.source = address_v4(ip->saddr);
		packet->tuple.destination = address_v4(ip->daddr);
		packet->ttl = ip->ttl;
		packet->protocol = ip->protocol;
		packet->l4 = ETH_HLEN + ip->ihl * 4;
		packet->flags = 0;
		where = bpf_ntohs(ip->frag_off) & 0x3fff;
		if (where) {
			packet->fragment = ip->id;
			packet->flags = where & 0x1fff ? PACKET_FRAGMENT_LATER : PACKET_FRAGMENT_FIRST;
		}
		return parse_transport(skb, packet);
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		const struct ipv6hdr *ip = behind_link(skb, sizeof(*ip));

		if (!ip)
			return PARSED_NOTHING;
		packet->tuple.source = address_v6(ip->saddr.in6_u.u6_addr32);
		packet->tuple.destination = address_v6(ip->daddr.in6_u.u6_addr32);
		packet->ttl = ip->hop_limit;
		packet->flags = PACKET_V6;
		/* No packet has such addresses (RFC 6890); here they would be those of IPv4's pods and services. */
		if (address_is_v4(&packet->tuple.source) || address_is_v4(&packet->tuple.destination))
			return PARSED_NOTHING;
		if (parse_extensions(skb, packet, ip->nexthdr) != PARSED_IP)
			return PARSED_NOTHING;
		return parse_transport(skb, packet);
	}
	return PARSED_OTHER;
}

static __always_inline int is_link_local_v6(const struct address *address)
{
	return (address->word[0] & bpf_htonl(0xffc00000)) == bpf_htonl(0xfe800000);
}

static __always_inline int is_unspecified(const struct address *address)
{
	return !address->word[0] && !address->word[1] && !address->word[2] && !address->word[3];
}

/* Group and link-local destinations never leave the link: the node's own stack answers them, or nobody. */
static __always_inline int stays_on_link(const struct packet *packet)
{
	const struct address *destination = &packet->tuple.destination;

	if (packet->flags & PACKET_V6)
		return (destination->word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) || is_link_local_v6(destination);
	return (destination->word[3] & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || destination->word[3] == bpf_htonl(0xffffffff);
}

/*
 * The headers as a router hands them on (RFC 1812 section 5.3.1): one hop less, other hardware addresses. The caller has seen that more
 * than 1 is left. Written in place: a call for each field costs more than all the rest of a packet of a known connection.
 */
static __always_inline int route_headers(struct __sk_buff *skb, const struct packet *packet, const __u8 *destination, const __u8 *source)
{
	struct iphdr *ip = behind_link(skb, sizeof(*ip));
	struct ethhdr *eth = (void *)ip - ETH_HLEN;
	__u32 check;

	if (!ip)
		return -1;
	__builtin_memcpy(eth->h_dest, destination, ETH_ALEN);
	__builtin_memcpy(eth->h_source, source, ETH_ALEN);
	if (packet->flags & PACKET_V6) {
		__u8 limit = packet->ttl - 1;

		/* Nothing in the header makes up for it where the device has summed the whole packet. */
		return bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct ipv6hdr, hop_limit), &limit, sizeof(limit), BPF_F_RECOMPUTE_CSUM);
	}
	/* RFC 1141: one less in a word's upper byte is that much more in the checksum. */
	check = ip->check + bpf_htons(0x0100);
	ip->check = check + (check >= 0xffff);
	ip->ttl--;
	return 0;
}

#endif
