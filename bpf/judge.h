/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What policies say of a connection, from the maps in policy.h. */
#ifndef TWILL_JUDGE_H
#define TWILL_JUDGE_H

#include "endpoints.h"
#include "policy.h"
#include "tuple.h"

static __always_inline __u32 identity_of(const struct address *address)
{
	struct block block = { .prefix_length = 128, .address = *address };
	const __u32 *identity = bpf_map_lookup_elem(&identities, &block.address);

	if (!identity)
		identity = bpf_map_lookup_elem(&blocks, &block);
	return identity ? *identity : IDENTITY_OTHER;
}

/* One side's verdict. `port`: the destination's, host byte order; of ICMP type and code. */
static __always_inline int ask_policy(__u32 set, __u32 direction, const struct address *peer, __u8 protocol, __u16 port, __u32 *rule)
{
	struct list_choice choice = { set, direction, IDENTITY_OTHER };
	struct list_key key = { .prefix_length = 56, .protocol = protocol, .port = { port >> 8, port & 0xff } };
	const struct policy_set *policies;
	const struct verdict *verdict;
	const __u32 *list;

	*rule = 0;
	if (set == SET_OPEN)
		return 1;
	choice.identity = identity_of(peer);
	if (choice.identity == IDENTITY_SELF)
		return 1;
	if (set == SET_CLOSED)
		return 0;
	list = bpf_map_lookup_elem(&list_choices, &choice);
	if (list) {
		key.list = *list;
	} else {
		policies = bpf_map_lookup_elem(&policy_sets, &set);
		if (!policies)
			return 0;
		key.list = direction == EGRESS ? policies->lists[EGRESS] : policies->lists[INGRESS];
	}
	if (key.list == LIST_ALLOW || key.list == LIST_DENY)
		return key.list == LIST_ALLOW;
	verdict = bpf_map_lookup_elem(&lists, &key);
	if (!verdict)
		return 0;
	*rule = verdict->rule;
	return verdict->allow != 0;
}

struct judgement {
	__u32 rules[2]; /* by direction: what allowed it */
};

static __always_inline void remember_denial(const struct tuple *tuple, __u16 port, __u32 direction, __u32 rule, __u32 now)
{
	struct denial_key key = { tuple->source, tuple->destination, bpf_htons(port), tuple->protocol, direction, rule };
	struct denial *known = bpf_map_lookup_elem(&denials, &key);
	struct denial fresh = { 1, now, now };

	if (known) {
		known->packets++;
		known->last = now;
	} else {
		bpf_map_update_elem(&denials, &key, &fresh, BPF_ANY);
	}
}

#define JUDGE_OPEN_ALREADY 1 /* what may keep its connections does */
#define JUDGE_SILENTLY 2     /* a guess: a refusal is nobody's business */
#define JUDGE_EGRESS_ASKED 4 /* the opener's policies have been asked already */

/* Both sides, as far as they are this node's pods. `tuple` goes from the opener to the other end, as that one sees it. */
__noinline int judge(const struct tuple *tuple, __u16 port, __u32 how, __u32 now, struct judgement *judgement)
{
	const __u32 spare = how & JUDGE_OPEN_ALREADY ? ENDPOINT_KEEPS_CONNECTIONS : 0;
	const struct endpoint *opener, *other;
	__u32 rule = 0;

	if (!tuple || !judgement)
		return 0;
	opener = find_endpoint(&tuple->source);
	other = find_endpoint(&tuple->destination);
	/* A pod is never cut off from itself. */
	if (opener && other && opener->id == other->id)
		return 1;
	if (opener && !(how & JUDGE_EGRESS_ASKED) && !ask_policy(opener->policy_set, EGRESS, &tuple->destination, tuple->protocol, port, &rule) &&
	    !(opener->flags & spare)) {
		if (!(how & JUDGE_SILENTLY))
			remember_denial(tuple, port, EGRESS, rule, now);
		return 0;
	}
	judgement->rules[EGRESS] = rule;
	rule = 0;
	if (other && !ask_policy(other->policy_set, INGRESS, &tuple->source, tuple->protocol, port, &rule) &&
	    !(other->flags & spare)) {
		if (!(how & JUDGE_SILENTLY))
			remember_denial(tuple, port, INGRESS, rule, now);
		return 0;
	}
	judgement->rules[INGRESS] = rule;
	return 1;
}

#endif
