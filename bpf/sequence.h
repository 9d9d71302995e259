/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Whether a TCP packet's numbers fit its connection: who only guesses its ports cannot end it.
 *
 * Of each direction the upper half of the last sequence number is known, written every 64 KiB. What pods of this node say is theirs: their
 * senders are checked. Others must be near to what they said last.
 */
#ifndef TWILL_SEQUENCE_H
#define TWILL_SEQUENCE_H

#include "connections.h"
#include "packet.h"

/* How far a sender's packets may jump, in 64 KiB: packets get lost on their way here, and the others are acknowledged meanwhile. */
#define SEQUENCE_STEP 16

static __always_inline int is_near(__be16 sequence, __be16 last)
{
	return (__u16)(bpf_ntohs(sequence) - bpf_ntohs(last) + 1) <= SEQUENCE_STEP + 1;
}

/* Most packets do not. One branch: it is on the way of all. */
static __always_inline int says_news(const struct connection *connection, const struct packet *packet, int by_opener)
{
	const __u32 known = by_opener ? CONNECTION_SEQUENCE_OPENER : CONNECTION_SEQUENCE_OTHER;

	return (~connection->flags & known) | (packet->tcp & (TCP_FIN | TCP_RST)) |
	       (packet->sequence ^ (by_opener ? connection->sequence_opener : connection->sequence_other));
}

/* Follows the numbers; returns the connection's flags as they are then. `is_genuine`: nobody else can have sent the packet. */
__noinline __u32 follow_numbers(struct connection *connection, const struct packet *packet, int by_opener, int is_genuine)
{
	__u32 own, other, flags;
	__be16 *last, *last_other;
	int fits;

	if (!connection || !packet)
		return 0;
	flags = connection->flags;
	if (packet->flags & PACKET_FRAGMENT_LATER)
		return flags;
	own = by_opener ? CONNECTION_SEQUENCE_OPENER : CONNECTION_SEQUENCE_OTHER;
	other = by_opener ? CONNECTION_SEQUENCE_OTHER : CONNECTION_SEQUENCE_OPENER;
	last = by_opener ? &connection->sequence_opener : &connection->sequence_other;
	last_other = by_opener ? &connection->sequence_other : &connection->sequence_opener;
	fits = is_genuine || ((flags & own) && is_near(packet->sequence, *last));
	if (packet->tcp & TCP_RST) {
		/* Who has said nothing yet refuses: the reset has no number of its own, and names the one that it is for (RFC 9293 section 3.10.7.1). */
		if (!(flags & own) && (flags & other) && (packet->tcp & TCP_ACK))
			fits |= is_near(packet->acknowledged, *last_other);
		return fits ? flags | CONNECTION_RESET : flags;
	}
	if (!fits && (flags & own))
		return flags;
	if (packet->tcp & TCP_FIN)
		flags |= by_opener ? CONNECTION_FIN_OPENER : CONNECTION_FIN_OTHER;
	/* An opener may begin anew where its end was not seen: who accepts it says with which number. */
	if (is_genuine && (packet->tcp & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK)) {
		*last_other = packet->acknowledged;
		flags |= other;
	}
	*last = packet->sequence;
	return flags | own;
}

#endif
