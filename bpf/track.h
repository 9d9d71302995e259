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
#include "fragments.h"
#include "judge.h"
#include "quoted.h"
#include "rewrite.h"
#include "services.h"
#include "settings.h"

static __always_inline int opens_tcp(const struct packet *packet)
{
	return (packet->tcp & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;
}

static __always_inline void follow(struct connection *connection, const struct packet *packet, int by_opener, __u32 now)
{
	__u32 flags = connection->flags;

	if (!by_opener)
		flags |= CONNECTION_ANSWERED;
	if (packet->tuple.protocol == IPPROTO_TCP) {
		if (packet->tcp & TCP_FIN)
			flags |= by_opener ? CONNECTION_FIN_OPENER : CONNECTION_FIN_OTHER;
		if (packet->tcp & TCP_RST)
			flags |= CONNECTION_RESET;
	}
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
	__u16 port;

	if (!connection || !packet)
		return 0;
	if (by_opener)
		opened = packet->tuple;
	else
		turn(&packet->tuple, &opened);
	port = packet->tuple.protocol == IPPROTO_ICMP ? judged_port(packet, 0) : bpf_ntohs(opened.destination_port);
	if (!judge(&opened, port, JUDGE_OPEN_ALREADY, now, &judgement))
		return 0;
	connection->egress_rule = judgement.rules[EGRESS];
	connection->ingress_rule = judgement.rules[INGRESS];
	connection->generation = generation;
	return 1;
}

static __always_inline void become(struct __sk_buff *skb, struct packet *packet, struct fate *fate, struct translation *translation,
				   __u32 now)
{
	if (now != translation->seen)
		translation->seen = now;
	if (rewrite(skb, packet, &translation->to))
		fate->drop = DROP_TRANSLATION;
	fate->translated = 1;
}

/* Only a connection that this node has chosen a backend for is turned back by its translation. */
static __always_inline void translate(struct __sk_buff *skb, struct packet *packet, struct fate *fate, __u32 now)
{
	struct tuple says = packet->tuple;
	struct translation *translation = bpf_map_lookup_elem(&translations, &says);

	if (translation)
		become(skb, packet, fate, translation, now);
}

/* Nobody can say any more who opened a TCP connection whose beginning was not seen; either end may have, if policies let it. */
static __always_inline int judge_new(const struct packet *packet, __u32 now, struct judgement *judgement, int *turned)
{
	struct tuple other;

	*turned = 0;
	if (packet->tuple.protocol == IPPROTO_TCP && !opens_tcp(packet)) {
		turn(&packet->tuple, &other);
		if (judge(&other, bpf_ntohs(other.destination_port), JUDGE_SILENTLY, now, judgement)) {
			*turned = 1;
			return 1;
		}
	}
	return judge(&packet->tuple, judged_port(packet, 1), 0, now, judgement);
}

/* False: policies forbid it. */
__noinline int remember(const struct packet *packet, struct fate *fate, __u32 now)
{
	const struct settings *node = get_settings();
	struct connection connection = { .seen = now, .opened = now };
	struct judgement judgement = {};
	struct tuple key;
	int turned;

	if (!node || !packet || !fate || !judge_new(packet, now, &judgement, &turned))
		return 0;
	connection.service = fate->service;
	connection.generation = node->generation;
	connection.flags = fate->translated ? CONNECTION_TRANSLATED : 0;
	if (make_key(&packet->tuple, &key) != turned)
		connection.flags |= CONNECTION_EXCHANGED;
	connection.egress_rule = judgement.rules[EGRESS];
	connection.ingress_rule = judgement.rules[INGRESS];
	follow(&connection, packet, !turned, now);
	bpf_map_update_elem(&connections, &key, &connection, BPF_ANY);
	return 1;
}

#define NOT_OURS 0
#define IS_NEW 1
#define IS_KNOWN 2

/* A translation of before, of a connection that is no more: its port begins another one. */
static __always_inline int is_stale(const struct packet *packet, const struct connection *connection)
{
	if (packet->tuple.protocol == IPPROTO_TCP)
		return opens_tcp(packet) && (!connection || has_ended(connection));
	return !connection;
}

/* A packet that a translation names goes where its connection went. */
__noinline int follow_translation(struct __sk_buff *skb, struct packet *packet, struct fate *fate, __u32 now)
{
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
	exchanged = make_key(&translation->to, &key);
	connection = bpf_map_lookup_elem(&connections, &key);
	if (is_stale(packet, connection)) {
		turn(&translation->to, &key);
		bpf_map_delete_elem(&translations, &key);
		bpf_map_delete_elem(&translations, &says);
		return NOT_OURS;
	}
	fate->service = translation->service;
	become(skb, packet, fate, translation, now);
	if (connection)
		follow(connection, packet, exchanged == !!(connection->flags & CONNECTION_EXCHANGED), now);
	return connection ? IS_KNOWN : IS_NEW;
}

/* What comes over the network cannot come from this node, or from a pod of it. */
static __always_inline int is_forged(const struct packet *packet)
{
	return find_endpoint(&packet->tuple.source) || identity_of(&packet->tuple.source) == IDENTITY_SELF;
}

/* A packet of no known connection. What is for no pod and no service is none of our business when it comes over the network. */
__noinline int first_packet(struct __sk_buff *skb, struct packet *packet, struct fate *fate, __u32 where, __u32 now)
{
	const struct frontend *frontend = 0;
	int known;

	if (!packet || !fate)
		return NOT_OURS;
	known = follow_translation(skb, packet, fate, now);
	if (known != NOT_OURS)
		return known;
	if (where != FROM_KERNEL)
		frontend = find_frontend(&packet->tuple.destination, packet->tuple.destination_port, packet->tuple.protocol);
	if (where == FROM_NET) {
		if (!frontend && !find_endpoint(&packet->tuple.destination))
			return NOT_OURS;
		if (is_forged(packet)) {
			fate->drop = DROP_SOURCE;
			return NOT_OURS;
		}
	}
	if (frontend && !balance(skb, packet, fate, frontend, where))
		return NOT_OURS;
	return IS_NEW;
}

static __always_inline void track(struct __sk_buff *skb, struct packet *packet, struct fate *fate, __u32 where)
{
	const struct settings *node = get_settings();
	const __u32 now = seconds();
	struct connection *connection;
	struct tuple key;
	int by_opener;

	if (!node)
		return;
	if (packet->flags & PACKET_ICMP_ERROR) {
		translate_quoted(skb, packet, fate);
		return;
	}
	if ((packet->flags & (PACKET_FRAGMENT_FIRST | PACKET_FRAGMENT_LATER)) && !know_ports(packet)) {
		fate->drop = DROP_FRAGMENT;
		return;
	}
	by_opener = make_key(&packet->tuple, &key);
	connection = bpf_map_lookup_elem(&connections, &key);
	if (connection) {
		by_opener = by_opener == !!(connection->flags & CONNECTION_EXCHANGED);
		/* The ports of a connection that has ended, again. */
		if (packet->tuple.protocol == IPPROTO_TCP && opens_tcp(packet) && (has_ended(connection) || !by_opener)) {
			bpf_map_delete_elem(&connections, &key);
		} else if (connection->generation != node->generation &&
			   !judge_again(connection, packet, by_opener, now, node->generation)) {
			/* It stays known: an unknown one might pass as the other end's. */
			fate->drop = DROP_POLICY;
			return;
		} else {
			follow(connection, packet, by_opener, now);
			if ((connection->flags & CONNECTION_TRANSLATED) && !by_opener)
				translate(skb, packet, fate, now);
			return;
		}
	}
	if (first_packet(skb, packet, fate, where, now) == IS_NEW && !fate->drop && !remember(packet, fate, now))
		fate->drop = DROP_POLICY;
}

#endif
