/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Who speaks with whom: two addresses, two ports, a protocol. */
#ifndef TWILL_TUPLE_H
#define TWILL_TUPLE_H

#include <linux/types.h>
#include "address.h"

/*
 * As a packet says it, or, as a connection's key, with its two ends in a fixed order so that both directions have the same.
 * ICMP and ICMPv6 are one protocol, 1, with the echo's identifier as both ports.
 */
struct tuple {
	struct address source;
	struct address destination;
	__be16 source_port;
	__be16 destination_port;
	__u8 protocol;
	__u8 unused[3];
};
_Static_assert(sizeof(struct tuple) == 40, "struct tuple is part of map keys");

/* Any fixed order of the ends does. True when they were exchanged: the packet's source is the key's destination. */
static __always_inline int make_key(const struct tuple *tuple, struct tuple *key)
{
	const __u64 *source = (const __u64 *)&tuple->source, *destination = (const __u64 *)&tuple->destination;
	int exchange;

	if (source[1] != destination[1])
		exchange = source[1] > destination[1];
	else if (source[0] != destination[0])
		exchange = source[0] > destination[0];
	else
		exchange = tuple->source_port > tuple->destination_port;
	key->source = exchange ? tuple->destination : tuple->source;
	key->destination = exchange ? tuple->source : tuple->destination;
	key->source_port = exchange ? tuple->destination_port : tuple->source_port;
	key->destination_port = exchange ? tuple->source_port : tuple->destination_port;
	key->protocol = tuple->protocol;
	key->unused[0] = key->unused[1] = key->unused[2] = 0;
	return exchange;
}

/* What the other end says. */
static __always_inline void turn(const struct tuple *tuple, struct tuple *turned)
{
	turned->source = tuple->destination;
	turned->destination = tuple->source;
	turned->source_port = tuple->destination_port;
	turned->destination_port = tuple->source_port;
	turned->protocol = tuple->protocol;
	turned->unused[0] = turned->unused[1] = turned->unused[2] = 0;
}

#endif
