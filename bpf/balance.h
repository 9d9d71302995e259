/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* The first packet to a service, where no socket was told: a backend is chosen, and the ways there and back are written down. */
#ifndef TWILL_BALANCE_H
#define TWILL_BALANCE_H

#include "connections.h"
#include "counters.h"
#include "endpoints.h"
#include "fate.h"
#include "judge.h"
#include "peers.h"
#include "rewrite.h"
#include "services.h"
#include "settings.h"

#define PORT_TRIES 32

/* Good enough to spread connections over Maglev's buckets; both ends of a direct return must make the same of it. */
static __always_inline __u32 hash_of(const struct tuple *tuple)
{
	__u32 hash = tuple->protocol ^ ((__u32)tuple->source_port << 16 | tuple->destination_port);

	for (int i = 0; i < 4; i++) {
		hash = (hash ^ tuple->source.word[i]) * 0x9e3779b1;
		hash = (hash ^ hash >> 15 ^ tuple->destination.word[i]) * 0x85ebca77;
	}
	return hash ^ hash >> 16;
}

/*
 * Both ends of a direct return choose for themselves, packet by packet. What one of them remembers of clients the other may not know,
 * so clients that are to stay with a backend are told apart by nothing but their address.
 */
static __always_inline __u32 direct_hash_of(const struct tuple *tuple, const struct frontend *frontend)
{
	struct tuple client = {};

	if (!frontend->affinity_seconds)
		return hash_of(tuple);
	client.source = tuple->source;
	return hash_of(&client);
}

/*
 * Writes how answers to `to` are turned back, under a port of the sender that nobody else has toward this destination: its own if it may
 * (`keep`), else one of the node's range. Nonzero when there is none left.
 */
__noinline int claim_answers(struct tuple *to, const struct tuple *asked, __u32 service, int keep)
{
	const struct settings *node = get_settings();
	struct translation answer = { .seen = seconds(), .service = service };
	const __u32 start = bpf_get_prandom_u32();
	struct tuple key;
	__u32 range;

	if (!node || !to || !asked)
		return -1;
	range = node->last_port > node->first_port ? node->last_port - node->first_port + 1 : 0;
	turn(asked, &answer.to);
	for (__u32 i = 0; i < PORT_TRIES; i++) {
		const struct connection *connection;
		const struct translation *taken;

		if (i || !keep) {
			if (!range)
				return -1;
			to->source_port = bpf_htons(node->first_port + (start + i) % range);
		}
		make_key(to, &key);
		connection = bpf_map_lookup_elem(&connections, &key);
		if (connection && !has_ended(connection))
			continue;
		turn(to, &key);
		if (!bpf_map_update_elem(&translations, &key, &answer, BPF_NOEXIST))
			return 0;
		/* Another processor may just be about to use it; what nothing was heard of for a while is left over. */
		taken = bpf_map_lookup_elem(&translations, &key);
		if (taken && answer.seen - taken->seen > 1 && !bpf_map_update_elem(&translations, &key, &answer, BPF_ANY))
			return 0;
	}
	return -1;
}

/* Chooses who serves a packet: `fate` says what becomes of it. True when there is a backend, in `to`. */
__noinline int choose(const struct packet *packet, struct fate *fate, const struct frontend *frontend)
{
	const struct settings *node = get_settings();
	const struct backend *backend = 0;
	const struct choice *choice;
	const struct peer *peer;
	__u32 number, hash;

	if (!node || !packet || !fate || !frontend)
		return 0;
	choice = fate->where == FROM_NET ? &frontend->outside : &frontend->inside;
	if (!may_ask(frontend, choice, &packet->tuple.source)) {
		fate->drop = DROP_SERVICE;
		return 0;
	}
	hash = choice->flags & CHOICE_DIRECT_RETURN ? direct_hash_of(&packet->tuple, frontend) : hash_of(&packet->tuple);
	number = choose_backend(frontend, choice, &packet->tuple.source, hash, seconds());
	if (number)
		backend = bpf_map_lookup_elem(&backends, &number);
	if (!backend) {
		if (choice->flags & CHOICE_DROP)
			fate->drop = DROP_SERVICE;
		else
			fate->refused = 1;
		return 0;
	}
	fate->service = frontend->service;
	fate->to = packet->tuple;
	fate->to.destination = backend->address;
	fate->to.destination_port = backend->port;
	if (fate->where == FROM_NET && !find_endpoint(&backend->address)) {
		peer = find_peer(&backend->address);
		if ((choice->flags & CHOICE_DIRECT_RETURN) && peer && !(peer->flags & PEER_TUNNEL)) {
			fate->direct = 1;
			return 0;
		}
		/* Answers must come back here, unless it is the node itself that answers. */
		fate->hidden = identity_of(&backend->address) != IDENTITY_SELF;
	}
	/* No stack takes a packet from its own address. */
	if (address_equal(&packet->tuple.source, &backend->address))
		fate->hidden = 1;
	if (fate->hidden)
		fate->to.source = packet->flags & PACKET_V6 ? node->node_v6 : node->node_v4;
	/* The node has no address of this family. */
	if (is_unspecified(&fate->to.source)) {
		fate->drop = DROP_TRANSLATION;
		return 0;
	}
	return 1;
}

/* True when the packet now goes to a backend; else `fate` says what becomes of it. */
__noinline int balance(struct __sk_buff *skb, struct packet *packet, struct fate *fate, const struct frontend *frontend)
{
	struct translation there = { .seen = seconds() };
	struct tuple asked;

	if (!packet || !fate || !frontend || !choose(packet, fate, frontend))
		return 0;
	asked = packet->tuple;
	/* SCTP's checksum is over its ports as well: it keeps them also where another might have them. */
	if (claim_answers(&fate->to, &asked, frontend->service, !fate->hidden || asked.protocol == IPPROTO_SCTP)) {
		fate->drop = DROP_PORTS;
		return 0;
	}
	there.to = fate->to;
	there.service = frontend->service;
	bpf_map_update_elem(&translations, &asked, &there, BPF_ANY);
	fate->translated = 1;
	if (rewrite(skb, packet, &fate->to)) {
		turn(&fate->to, &there.to);
		bpf_map_delete_elem(&translations, &there.to);
		bpf_map_delete_elem(&translations, &asked);
		fate->drop = DROP_TRANSLATION;
		return 0;
	}
	return 1;
}

#endif
