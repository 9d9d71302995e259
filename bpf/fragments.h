/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Ports and protocols of packets in fragments: the first one has them, and the others are told. */
#ifndef TWILL_FRAGMENTS_H
#define TWILL_FRAGMENTS_H

#include "packet.h"

struct fragment_key {
	struct address source;
	struct address destination;
	__u32 fragment;
	__u32 protocol; /* of IPv4; IPv6's later fragments do not know it */
};
_Static_assert(sizeof(struct fragment_key) == 40, "struct fragment_key is a map's key");

struct fragment_ports {
	__be16 source;
	__be16 destination;
	__u32 protocol; /* as the first one's headers say */
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct fragment_key);
	__type(value, struct fragment_ports);
} fragments SEC(".maps");

/* False for a later fragment whose first has not been seen. */
__noinline int know_ports(struct packet *packet)
{
	struct fragment_key key = {};
	struct fragment_ports ports = {};
	const struct fragment_ports *known;

	if (!packet)
		return 0;
	key.source = packet->tuple.source;
	key.destination = packet->tuple.destination;
	key.fragment = packet->fragment;
	key.protocol = packet->flags & PACKET_V6 ? 0 : packet->protocol;
	ports.protocol = packet->protocol;
	ports.source = packet->tuple.source_port;
	ports.destination = packet->tuple.destination_port;
	if (packet->flags & PACKET_FRAGMENT_FIRST) {
		bpf_map_update_elem(&fragments, &key, &ports, BPF_ANY);
		return 1;
	}
	known = bpf_map_lookup_elem(&fragments, &key);
	if (!known)
		return 0;
	packet->tuple.source_port = known->source;
	packet->tuple.destination_port = known->destination;
	set_protocol(packet, known->protocol);
	return 1;
}

#endif
