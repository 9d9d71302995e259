/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What is known of a connection: it is remembered when policies allow it, followed packet by packet, and judged again when they change. */
#ifndef TWILL_FOLLOW_H
#define TWILL_FOLLOW_H

#include "connections.h"
#include "counters.h"
#include "fate.h"
#include "judge.h"
#include "sequence.h"
#include "settings.h"

static __always_inline struct connection *find_connection(const struct tuple *tuple, int *by_opener)
{
	struct tuple key;
	int exchanged = make_key(tuple, &key);
	struct connection *connection = bpf_map_lookup_elem(&connections, &key);

	*by_opener = connection && exchanged == !!(connection->flags & CONNECTION_EXCHANGED);
	return connection;
}

static __always_inline int opens_tcp(const struct packet *packet)
{
	return (packet->tcp & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

/* What pods and the node itself say is checked where they say it. */
static __always_inline int is_genuine(__u32 where)
{
	return where != FROM_NET && where != FROM_KERNEL;
}

static __always_inline void follow(struct connection *connection, const struct packet *packet, __u32 where, int by_opener, __u32 now)
{
	__u32 flags = connection->flags;

	if (packet->tuple.protocol == IPPROTO_TCP && says_news(connection, packet, by_opener))
		flags = follow_numbers(connection, packet, by_opener, is_genuine(where));
	if (!by_opener)
		flags |= CONNECTION_ANSWERED;
	/* Written only when there is news: two processors often look at one connection. */
	if (flags != connection->flags)
		connection->flags = flags;
	if (now != connection->seen)
		connection->seen = now;
}

/* What policies call the port: of ICMP its type and code. An echo that is judged again is taken for what opens one. */
static __always_inline __u16 judged_port(const struct packet *packet, int opening)
{
	if (packet->tuple.protocol != IPPROTO_ICMP)
		return bpf_ntohs(packet->tuple.destination_port);
	if (opening)
		return packet->icmp;
	return packet->flags & PACKET_V6 ? 128 << 8 : 8 << 8;
}

/* Policies have changed since. False: they forbid it now. */
__noinline int judge_again(struct connection *connection, const struct packet *packet, int by_opener, __u32 now, __u32 generation)
{
	struct judgement judgement = {};
	struct tuple opened;
	__u32 how;
	__u16 port;

	if (!connection || !packet)
		return 0;
	how = JUDGE_OPEN_ALREADY | (connection->flags & CONNECTION_EGRESS_ASKED ? JUDGE_EGRESS_ASKED : 0);
	if (by_opener)
		opened = packet->tuple;
	else
		turn(&packet->tuple, &opened);
	port = packet->tuple.protocol == IPPROTO_ICMP ? judged_port(packet, 0) : bpf_ntohs(opened.destination_port);
	if (!judge(&opened, port, how, now, &judgement))
		return 0;
	connection->egress_rule = judgement.rules[EGRESS];
	connection->ingress_rule = judgement.rules[INGRESS];
	connection->generation = generation;
	return 1;
}

/* What of the node is here cannot come over the network. */
static __always_inline int is_of_node(const struct address *address)
{
	return find_endpoint(address) || identity_of(address) == IDENTITY_SELF;
}

/* Whether it cannot be said at a glance that a packet of a known connection goes on. */
static __always_inline int is_in_question(const struct connection *connection, const struct fate *fate, int by_opener, __u32 generation)
{
	const __u32 here = by_opener ? CONNECTION_OPENER_HERE : CONNECTION_OTHER_HERE;

	return connection->generation != generation || (fate->where == FROM_NET && (connection->flags & here));
}

/* Answers the question. False: it does not go on, and `fate` says why. */
__noinline int may_go_on(struct connection *connection, const struct packet *packet, struct fate *fate, int by_opener, __u32 now)
{
	const struct settings *node = get_settings();

	if (!node || !connection || !packet || !fate)
		return 0;
	if (fate->where == FROM_NET && (connection->flags & (by_opener ? CONNECTION_OPENER_HERE : CONNECTION_OTHER_HERE))) {
		fate->drop = DROP_SOURCE;
		return 0;
	}
	if (connection->generation != node->generation && !judge_again(connection, packet, by_opener, now, node->generation)) {
		/* It stays known: an unknown one might pass as the other end's. */
		fate->drop = DROP_POLICY;
		return 0;
	}
	return 1;
}

/*
 * What leaves a pod is judged there, with the service's address where it asks one. What then comes out of the kernel's translation is
 * new, and from a pod of this node only where both are here: its policies would be asked about an address that it never named.
 */
static __always_inline int is_asked_before(const struct fate *fate)
{
	return fate->where == FROM_KERNEL && kernel_translates();
}

/*
 * Nobody can say any more who opened a TCP connection whose beginning was not seen; either end may have, if policies let it. Of a connection
 * that is still translated it is known.
 */
static __always_inline int judge_new(const struct packet *packet, const struct fate *fate, __u32 now, struct judgement *judgement, int *turned)
{
	const int answer = fate->answer;
	struct tuple other;

	*turned = 0;
	if (answer || (!fate->translated && packet->tuple.protocol == IPPROTO_TCP && !opens_tcp(packet))) {
		__u16 port = packet->tuple.protocol == IPPROTO_ICMP ? judged_port(packet, 0) : bpf_ntohs(packet->tuple.source_port);

		turn(&packet->tuple, &other);
		if (judge(&other, port, answer ? 0 : JUDGE_SILENTLY, now, judgement)) {
			*turned = 1;
			return 1;
		}
		if (answer)
			return 0;
	}
	return judge(&packet->tuple, judged_port(packet, 1), is_asked_before(fate) ? JUDGE_EGRESS_ASKED : 0, now, judgement);
}

/* Which ends of a new connection are of this node: who sent its packet over the network is not, also where it is hidden behind the node. */
static __always_inline __u32 ends_here(const struct packet *packet, const struct fate *fate, int turned)
{
	__u32 flags = 0;

	if (fate->where != FROM_NET && is_of_node(&packet->tuple.source))
		flags |= turned ? CONNECTION_OTHER_HERE : CONNECTION_OPENER_HERE;
	/* A client that is hidden has the node's address, too. */
	if (!fate->answer && is_of_node(&packet->tuple.destination))
		flags |= turned ? CONNECTION_OPENER_HERE : CONNECTION_OTHER_HERE;
	return flags;
}

/* False: policies forbid it. */
__noinline int remember(const struct packet *packet, struct fate *fate, __u32 now)
{
	const struct settings *node = get_settings();
	struct connection connection = { .seen = now, .opened = now };
	struct judgement judgement = {};
	struct tuple key;
	int turned;

	if (!node || !packet || !fate)
		return 0;
	/* Read before policies are: when they change meanwhile, the connection is judged again. */
	connection.generation = node->generation;
	if (!judge_new(packet, fate, now, &judgement, &turned))
		return 0;
	connection.service = fate->service;
	connection.flags = ends_here(packet, fate, turned) | (fate->translated || fate->answer ? CONNECTION_TRANSLATED : 0);
	if (!turned && is_asked_before(fate))
		connection.flags |= CONNECTION_EGRESS_ASKED;
	if (make_key(&packet->tuple, &key) != turned)
		connection.flags |= CONNECTION_EXCHANGED;
	connection.egress_rule = judgement.rules[EGRESS];
	connection.ingress_rule = judgement.rules[INGRESS];
	/* What cuts a connection begins none. */
	if (packet->tuple.protocol == IPPROTO_TCP && (packet->tcp & TCP_RST))
		return 1;
	follow(&connection, packet, fate->where, !turned, now);
	bpf_map_update_elem(&connections, &key, &connection, BPF_ANY);
	return 1;
}

#endif
