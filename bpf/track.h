/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * What becomes of a packet as part of a connection: the first one is judged and, for a service, given a backend; the others follow.
 *
 *   known connection ──► its state, and its translation on the way back
 *   known translation ─► rewritten, then as its connection
 *   a service's frontend ─► a backend is chosen, both translations written, then as any new connection
 *   a new connection ──► judged, remembered
 */
#ifndef TWILL_TRACK_H
#define TWILL_TRACK_H

#include "balance.h"
#include "connections.h"
#include "counters.h"
#include "fate.h"
#include "follow.h"
#include "fragments.h"
#include "judge.h"
#include "quoted.h"
#include "rewrite.h"
#include "services.h"
#include "settings.h"

/* Of a connection, both directions are remembered as long as either is used. */
__noinline int become(struct __sk_buff *skb, struct packet *packet, struct fate *fate, struct translation *translation, __u32 now)
{
	if (!packet || !fate || !translation)
		return 0;
	if (now != translation->seen) {
		struct translation *back;
		struct tuple key;

		translation->seen = now;
		turn(&translation->to, &key);
		back = bpf_map_lookup_elem(&translations, &key);
		if (back)
			back->seen = now;
	}
	if (rewrite(skb, packet, &translation->to))
		fate->drop = DROP_TRANSLATION;
	fate->translated = 1;
	return 1;
}

/* Only a connection that this node has chosen a backend for is turned back by its translation. */
static __always_inline void translate(struct __sk_buff *skb, struct packet *packet, struct fate *fate, __u32 now)
{
	struct tuple says = packet->tuple;
	struct translation *translation = bpf_map_lookup_elem(&translations, &says);

	if (translation)
		become(skb, packet, fate, translation, now);
}

#define NOT_OURS 0
#define IS_NEW 1
#define IS_KNOWN 2
#define IS_IN_QUESTION 3

/* A translation of before, of a connection that is no more: its port begins another one. */
static __always_inline int is_stale(const struct packet *packet, const struct connection *connection)
{
	if (packet->tuple.protocol == IPPROTO_TCP)
		return opens_tcp(packet) && (!connection || has_ended(connection));
	return !connection;
}

/* Whether a translation makes a backend's answer the service's; else it leads there. */
static __always_inline int names_service(const struct tuple *to)
{
	return find_exact_frontend(&to->source, to->source_port, to->protocol) != 0;
}

/* A packet that a translation names goes where its connection went. */
__noinline int follow_translation(struct __sk_buff *skb, struct packet *packet, struct fate *fate, __u32 now)
{
	const struct settings *node = get_settings();
	struct translation *translation;
	struct connection *connection;
	struct tuple key, says;
	int exchanged;

	if (!packet || !fate)
		return NOT_OURS;
	says = packet->tuple;
	translation = bpf_map_lookup_elem(&translations, &says);
	if (!translation)
		return NOT_OURS;
	fate->service = translation->service;
	exchanged = make_key(&translation->to, &key);
	connection = bpf_map_lookup_elem(&connections, &key);
	if (!connection && !opens_tcp(packet) && names_service(&translation->to)) {
		fate->answer = 1;
		return IS_NEW;
	}
	if (is_stale(packet, connection)) {
		turn(&translation->to, &key);
		bpf_map_delete_elem(&translations, &key);
		bpf_map_delete_elem(&translations, &says);
		return NOT_OURS;
	}
	become(skb, packet, fate, translation, now);
	if (!connection)
		return IS_NEW;
	exchanged = exchanged == !!(connection->flags & CONNECTION_EXCHANGED);
	if (!node || is_in_question(connection, fate, exchanged, node->generation))
		return IS_IN_QUESTION;
	follow(connection, packet, fate->where, exchanged, now);
	return IS_KNOWN;
}

/* Pods behind the tunnel come through it, unless they ask the node itself. */
static __always_inline int came_around_tunnel(const struct __sk_buff *skb, const struct packet *packet)
{
	const struct settings *node = get_settings();
	const struct peer *peer = find_peer(&packet->tuple.source);

	return node && peer && (peer->flags & PEER_TUNNEL) && skb->ifindex != node->tunnel_ifindex;
}

/* A packet of no known connection. What is for no pod and no service is none of our business when it comes over the network. */
__noinline int first_packet(struct __sk_buff *skb, struct packet *packet, struct fate *fate, __u32 now)
{
	const struct frontend *frontend = 0;
	int known;

	if (!packet || !fate)
		return NOT_OURS;
	known = follow_translation(skb, packet, fate, now);
	if (known != NOT_OURS)
		return known;
	if (fate->where != FROM_KERNEL && !kernel_translates())
		frontend = find_frontend(&packet->tuple.destination, packet->tuple.destination_port, packet->tuple.protocol);
	if (fate->where == FROM_NET) {
		if (!frontend && !find_endpoint(&packet->tuple.destination))
			return NOT_OURS;
		if (is_of_node(&packet->tuple.source) || (!frontend && came_around_tunnel(skb, packet))) {
			fate->drop = DROP_SOURCE;
			return NOT_OURS;
		}
	}
	if (frontend && !balance(skb, packet, fate, frontend))
		return NOT_OURS;
	return IS_NEW;
}

/* What policies forbid leaves no translation behind: whoever is refused could push out those of others. */
static __always_inline void forget_translation(const struct packet *packet)
{
	const struct translation *back;
	struct tuple answer, asked;

	turn(&packet->tuple, &answer);
	back = bpf_map_lookup_elem(&translations, &answer);
	if (!back)
		return;
	turn(&back->to, &asked);
	bpf_map_delete_elem(&translations, &asked);
	bpf_map_delete_elem(&translations, &answer);
}

/*
 * Errors about known connections pass with them; others are judged as any packet, but begin nothing. False for what is none of our business,
 * unless another node has answered in a service's name.
 */
__noinline int track_error(struct __sk_buff *skb, struct packet *packet, struct fate *fate, __u32 now)
{
	struct judgement judgement = {};

	if (!packet || !fate || translate_quoted(skb, packet, fate))
		return 1;
	if (fate->where == FROM_NET) {
		if (!find_endpoint(&packet->tuple.destination))
			return 0;
		if (is_of_node(&packet->tuple.source)) {
			fate->drop = DROP_SOURCE;
			return 1;
		}
	}
	if (!judge(&packet->tuple, packet->icmp, 0, now, &judgement))
		fate->drop = DROP_POLICY;
	return 1;
}

/*
 * An error about what another node has answered itself, for a service of this address (direct return): it goes to the node that the
 * connection was given to. Where that is not to be found out, only the owner of the address may have it: others would send it in circles.
 */
__noinline int hand_over(struct __sk_buff *skb, struct packet *packet, struct fate *fate)
{
	struct quotation quotation = {};
	const struct frontend *frontend;
	struct tuple own;

	if (!packet || !fate || read_quotation(skb, packet, &quotation) || !may_quote(packet, fate, &quotation.tuple))
		return 0;
	frontend = find_exact_frontend(&quotation.tuple.source, quotation.tuple.source_port, quotation.tuple.protocol);
	if (!frontend || !(frontend->outside.flags & CHOICE_DIRECT_RETURN))
		return 0;
	own = packet->tuple;
	turn(&quotation.tuple, &packet->tuple);
	choose(packet, fate, frontend);
	packet->tuple = own;
	if (fate->direct)
		return 0;
	fate->refused = 0;
	fate->drop = identity_of(&own.destination) == IDENTITY_SELF ? 0 : DROP_SERVICE;
	return 0;
}

/* Whether a packet of these ports opens another connection than the one that is known by them. */
static __always_inline int begins_anew(const struct packet *packet, const struct connection *connection, int by_opener)
{
	if (packet->tuple.protocol == IPPROTO_TCP)
		return opens_tcp(packet) && (has_ended(connection) || !by_opener);
	return packet->tuple.protocol == IPPROTO_ICMP && !by_opener && packet->icmp == judged_port(packet, 0);
}

static __always_inline int is_fragment(const struct packet *packet)
{
	return packet->flags & (PACKET_FRAGMENT_FIRST | PACKET_FRAGMENT_LATER);
}

static __always_inline void track(struct __sk_buff *skb, struct packet *packet, struct fate *fate, __u32 where)
{
	const struct settings *node = get_settings();
	const __u32 now = seconds();
	struct connection *connection;
	int by_opener, known;

	if (!node)
		return;
	fate->where = where;
	if (packet->flags & PACKET_ICMP_ERROR) {
		if (!track_error(skb, packet, fate, now) && where == FROM_NET)
			hand_over(skb, packet, fate);
		return;
	}
	if (is_fragment(packet) && !know_ports(packet)) {
		/* In whatever order the node's own fragments come, it can make a packet of them. */
		if (where != FROM_NET || find_endpoint(&packet->tuple.destination))
			fate->drop = DROP_FRAGMENT;
		return;
	}
	connection = find_connection(&packet->tuple, &by_opener);
	if (connection && !begins_anew(packet, connection, by_opener)) {
		if (is_in_question(connection, fate, by_opener, node->generation) && !may_go_on(connection, packet, fate, by_opener, now))
			return;
		follow(connection, packet, where, by_opener, now);
		if ((connection->flags & CONNECTION_TRANSLATED) && !by_opener)
			translate(skb, packet, fate, now);
		return;
	}
	known = first_packet(skb, packet, fate, now);
	if (known == IS_IN_QUESTION) {
		connection = find_connection(&packet->tuple, &by_opener);
		if (connection && may_go_on(connection, packet, fate, by_opener, now))
			follow(connection, packet, where, by_opener, now);
	}
	if (known != IS_NEW || fate->drop)
		return;
	if (!remember(packet, fate, now)) {
		fate->drop = DROP_POLICY;
		if (fate->translated)
			forget_translation(packet);
	} else if (fate->answer) {
		translate(skb, packet, fate, now);
	}
}

/* What the node itself sends: policies have no say, and only answers of a service's backend are not what they look like. */
static __always_inline void track_answer(struct __sk_buff *skb, struct packet *packet, struct fate *fate)
{
	const __u32 now = seconds();
	struct connection *connection;
	int by_opener;

	if (packet->flags & PACKET_ICMP_ERROR) {
		translate_quoted(skb, packet, fate);
		return;
	}
	if (is_fragment(packet) && !know_ports(packet))
		return;
	connection = find_connection(&packet->tuple, &by_opener);
	if (!connection || !(connection->flags & CONNECTION_TRANSLATED) || by_opener)
		return;
	follow(connection, packet, fate->where, 0, now);
	translate(skb, packet, fate, now);
}

#endif
