/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* A packet's headers as far as forwarding looks at them. */
#ifndef TWILL_PACKET_H
#define TWILL_PACKET_H

#include <stddef.h>
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include "address.h"

enum parsed {
	PARSED_IP,      /* source and destination are known */
	PARSED_OTHER,   /* no IP: ARP and the like */
	PARSED_NOTHING, /* too short */
};

struct packet {
	struct address source;
	struct address destination;
	__u8 ttl; /* IPv4 time to live, IPv6 hop limit */
	__u8 v6;
};

static __always_inline enum parsed parse_packet(struct __sk_buff *skb, struct packet *packet)
{
	void *data = (void *)(long)skb->data;
	void *end = (void *)(long)skb->data_end;
	struct ethhdr *eth = data;

	if (skb->protocol == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(eth + 1);

		/* The headers of a packet in several pieces may not be in the first. */
		if ((void *)(ip + 1) > end) {
			if (bpf_skb_pull_data(skb, sizeof(*eth) + sizeof(*ip)))
				return PARSED_NOTHING;
			data = (void *)(long)skb->data;
			end = (void *)(long)skb->data_end;
			ip = data + sizeof(*eth);
			if ((void *)(ip + 1) > end)
				return PARSED_NOTHING;
		}
		packet->source = address_v4(ip->saddr);
		packet->destination = address_v4(ip->daddr);
		packet->ttl = ip->ttl;
		packet->v6 = 0;
		return PARSED_IP;
	}
	if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(eth + 1);

		if ((void *)(ip + 1) > end) {
			if (bpf_skb_pull_data(skb, sizeof(*eth) + sizeof(*ip)))
				return PARSED_NOTHING;
			data = (void *)(long)skb->data;
			end = (void *)(long)skb->data_end;
			ip = data + sizeof(*eth);
			if ((void *)(ip + 1) > end)
				return PARSED_NOTHING;
		}
		packet->source = address_v6(ip->saddr.in6_u.u6_addr32);
		packet->destination = address_v6(ip->daddr.in6_u.u6_addr32);
		packet->ttl = ip->hop_limit;
		packet->v6 = 1;
		return PARSED_IP;
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
	const struct address *destination = &packet->destination;

	if (packet->v6)
		return (destination->word[0] & bpf_htonl(0xff000000)) == bpf_htonl(0xff000000) || is_link_local_v6(destination);
	return (destination->word[3] & bpf_htonl(0xf0000000)) == bpf_htonl(0xe0000000) || destination->word[3] == bpf_htonl(0xffffffff);
}

/* As a router does (RFC 1812 section 5.3.1): the caller has seen that more than 1 is left. */
static __always_inline int decrement_ttl(struct __sk_buff *skb, const struct packet *packet)
{
	if (packet->v6) {
		__u8 limit = packet->ttl - 1;

		return bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct ipv6hdr, hop_limit), &limit, sizeof(limit), 0);
	}
	/* The checksum covers 16-bit words: time to live and protocol are one. */
	__u8 ttl = packet->ttl - 1;
	int failed = bpf_l3_csum_replace(skb, ETH_HLEN + offsetof(struct iphdr, check), bpf_htons(packet->ttl << 8), bpf_htons(ttl << 8), 2);

	return failed ? failed : bpf_skb_store_bytes(skb, ETH_HLEN + offsetof(struct iphdr, ttl), &ttl, sizeof(ttl), 0);
}

static __always_inline int set_macs(struct __sk_buff *skb, const __u8 *destination, const __u8 *source)
{
	int failed = bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_dest), destination, ETH_ALEN, 0);

	return failed ? failed : bpf_skb_store_bytes(skb, offsetof(struct ethhdr, h_source), source, ETH_ALEN, 0);
}

#endif
