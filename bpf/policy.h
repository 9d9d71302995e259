/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Who may open connections to whom.
 *
 *   address ──identities, blocks──► identity
 *   (policy set of the pod, direction, identity) ──list_choices, or the set's default──► list ──lists (protocol, port)──► verdict and rule
 */
#ifndef TWILL_POLICY_H
#define TWILL_POLICY_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "address.h"
#include "peers.h"

/* Identities below FIRST_CLASS mean something; the others are numbers that the agent gives to classes of addresses. */
#define IDENTITY_OTHER 0 /* an address that nothing tells apart from the rest of the world */
#define IDENTITY_SELF 1  /* this node: always allowed, in both directions */
#define FIRST_CLASS 16

#define MAX_IDENTITIES 262144
#define MAX_IDENTITY_BLOCKS 65536
#define MAX_POLICY_SETS 8192
#define MAX_LIST_CHOICES 524288
#define MAX_LISTS 131072

/* Pods, nodes: single addresses whose identity is known. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_IDENTITIES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct address);
	__type(value, __u32);
} identities SEC(".maps");

/* All other addresses; the longest prefix decides. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_IDENTITY_BLOCKS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct block);
	__type(value, __u32);
} blocks SEC(".maps");

/* A policy set is what the same policies make of pods. Set 0: no policy is about the pod. Set 1: nothing is known of it yet, all is closed. */
#define SET_OPEN 0
#define SET_CLOSED 1

enum direction { INGRESS = 0, EGRESS = 1 };

/* Lists that need no entries. */
#define LIST_ALLOW 0
#define LIST_DENY 1

struct policy_set {
	__u32 lists[2]; /* by direction, for identities that `list_choices` does not name */
};
_Static_assert(sizeof(struct policy_set) == 8, "struct policy_set is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_POLICY_SETS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct policy_set);
} policy_sets SEC(".maps");

struct list_choice {
	__u32 set;
	__u32 direction;
	__u32 identity;
};
_Static_assert(sizeof(struct list_choice) == 12, "struct list_choice is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_LIST_CHOICES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct list_choice);
	__type(value, __u32);
} list_choices SEC(".maps");

/* Every list is written so that the longest prefix is right: tiers, orders and ports were compared when it was made. What it does not name is denied. */
struct list_key {
	__u32 prefix_length; /* 32: the whole list; 40: a protocol; 40 to 56: a port's leading bits */
	__u32 list;
	__u8 protocol;
	__u8 port[2]; /* network byte order; of ICMP: type, code */
	__u8 unused;  /* beyond every prefix */
};
_Static_assert(sizeof(struct list_key) == 12, "struct list_key is written by the agent");

struct verdict {
	__u32 rule; /* 0: none, silence decided */
	__u32 allow;
};
_Static_assert(sizeof(struct verdict) == 8, "struct verdict is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_LISTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct list_key);
	__type(value, struct verdict);
} lists SEC(".maps");

/* What was refused, for whoever asks: the oldest is forgotten first. */
struct denial_key {
	struct address source;
	struct address destination;
	__be16 port; /* the destination's */
	__u8 protocol;
	__u8 direction; /* whose side refused: INGRESS the destination's, EGRESS the source's */
	__u32 rule;
};
_Static_assert(sizeof(struct denial_key) == 40, "struct denial_key is read by the agent");

struct denial {
	__u64 packets;
	__u32 first; /* seconds of the monotonic clock */
	__u32 last;
};
_Static_assert(sizeof(struct denial) == 16, "struct denial is read by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, struct denial_key);
	__type(value, struct denial);
} denials SEC(".maps");

#endif
