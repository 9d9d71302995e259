/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/*
 * Services: from the address that a client asks to the pod that answers.
 *
 *   frontend ──choice (from inside or outside the cluster)──► set of slots ──by random, Maglev or affinity──► backend
 */
#ifndef TWILL_SERVICES_H
#define TWILL_SERVICES_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "address.h"

#define MAX_FRONTENDS 131072
#define MAX_SLOTS 1048576
#define MAX_BACKENDS 524288
#define MAX_SOURCE_RANGES 65536
#define MAX_AFFINITIES 65536

struct frontend_key {
	struct address address;
	__be16 port; /* 0, with protocol 0: what the address has no other frontend for is refused */
	__u8 protocol;
	__u8 unused;
};
_Static_assert(sizeof(struct frontend_key) == 20, "struct frontend_key is written by the agent");

#define CHOICE_MAGLEV 1        /* by the table of the set, else by chance */
#define CHOICE_SOURCE_RANGES 2 /* only for clients that `source_ranges` names */
#define CHOICE_DROP 4          /* without backends nothing is answered: another node does (externalTrafficPolicy Local) */
#define CHOICE_DIRECT_RETURN 8 /* a backend's node answers the client itself */

struct choice {
	__u32 set;
	__u16 count; /* slots 0 to count - 1; none: refused */
	__u16 flags;
};
_Static_assert(sizeof(struct choice) == 8, "struct choice is written by the agent");

struct frontend {
	__u32 service; /* of one service and port: for affinity, source ranges and whoever asks */
	__u32 affinity_seconds; /* 0: none */
	struct choice inside;   /* for pods, and for the node itself */
	struct choice outside;  /* for whatever comes over the node's devices */
};
_Static_assert(sizeof(struct frontend) == 24, "struct frontend is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_FRONTENDS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct frontend_key);
	__type(value, struct frontend);
} frontends SEC(".maps");

/* A set is never changed once a frontend names it: another one is written, and takes its place in one step. */
struct slot_key {
	__u32 set;
	__u32 slot;
};
_Static_assert(sizeof(struct slot_key) == 8, "struct slot_key is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_SLOTS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct slot_key);
	__type(value, __u32); /* a backend's number */
} slots SEC(".maps");

/* A number belongs to one endpoint of one service's port as long as it is there. */
struct backend {
	struct address address;
	__be16 port;
	__u16 flags;
	__u32 service;
};
_Static_assert(sizeof(struct backend) == 24, "struct backend is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_BACKENDS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u32);
	__type(value, struct backend);
} backends SEC(".maps");

/* Maglev tables in chunks: bucket b stands in chunk b / MAGLEV_CHUNK and names a slot of its set. */
#define MAGLEV_BUCKETS 16384
#define MAGLEV_CHUNK 64
#define MAX_MAGLEV_CHUNKS 262144

struct maglev_chunk {
	__u16 slots[MAGLEV_CHUNK];
};
_Static_assert(sizeof(struct maglev_chunk) == 128, "struct maglev_chunk is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_MAGLEV_CHUNKS);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct slot_key); /* set and chunk */
	__type(value, struct maglev_chunk);
} maglev SEC(".maps");

struct source_range {
	__u32 prefix_length; /* 32 for the service, and as in struct block */
	__u32 service;
	struct address address;
};
_Static_assert(sizeof(struct source_range) == 24, "struct source_range is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, MAX_SOURCE_RANGES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct source_range);
	__type(value, __u32); /* 1 */
} source_ranges SEC(".maps");

struct affinity_key {
	struct address client; /* of a socket that has no address yet: its network namespace's cookie */
	__u32 service;
};
_Static_assert(sizeof(struct affinity_key) == 20, "struct affinity_key is a map's key");

struct affinity {
	__u32 backend;
	__u32 seen; /* seconds of the monotonic clock */
};
_Static_assert(sizeof(struct affinity) == 8, "struct affinity is a map's value");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_AFFINITIES);
	__type(key, struct affinity_key);
	__type(value, struct affinity);
} affinities SEC(".maps");

/* For a connection that begins; `hash` is of what names the connection, for Maglev. 0: nobody serves it. */
static __always_inline __u32 choose_backend(const struct frontend *frontend, const struct choice *choice,
					    const struct address *client, __u32 hash, __u32 now)
{
	struct affinity_key who = { *client, frontend->service };
	struct affinity fresh = { 0, now };
	struct slot_key key = { choice->set, 0 };
	const struct maglev_chunk *table = 0;
	const struct affinity *before;
	const int remembers = frontend->affinity_seconds && !(choice->flags & CHOICE_DIRECT_RETURN);
	const __u32 *number;

	if (!choice->count)
		return 0;
	if (remembers) {
		before = bpf_map_lookup_elem(&affinities, &who);
		/* Another processor may have read the clock a moment later. */
		if (before && (__s32)(now - before->seen) < (__s32)frontend->affinity_seconds) {
			const struct backend *backend = bpf_map_lookup_elem(&backends, &before->backend);

			/* A number is not given again while somebody may remember it; one that is gone was taken from here. */
			if (backend && backend->service == frontend->service) {
				fresh.backend = before->backend;
				bpf_map_update_elem(&affinities, &who, &fresh, BPF_ANY);
				return fresh.backend;
			}
		}
	}
	if (choice->flags & CHOICE_MAGLEV) {
		struct slot_key chunk = { choice->set, hash % MAGLEV_BUCKETS / MAGLEV_CHUNK };

		table = bpf_map_lookup_elem(&maglev, &chunk);
	}
	key.slot = table ? table->slots[hash % MAGLEV_CHUNK] : bpf_get_prandom_u32() % choice->count;
	number = bpf_map_lookup_elem(&slots, &key);
	if (!number)
		return 0;
	if (remembers) {
		fresh.backend = *number;
		bpf_map_update_elem(&affinities, &who, &fresh, BPF_ANY);
	}
	return *number;
}

static __always_inline int may_ask(const struct frontend *frontend, const struct choice *choice, const struct address *client)
{
	struct source_range range = { 160, frontend->service, *client };

	return !(choice->flags & CHOICE_SOURCE_RANGES) || bpf_map_lookup_elem(&source_ranges, &range) != 0;
}

static __always_inline const struct frontend *find_exact_frontend(const struct address *address, __be16 port, __u8 protocol)
{
	struct frontend_key key = { *address, port, protocol, 0 };

	return bpf_map_lookup_elem(&frontends, &key);
}

static __always_inline const struct frontend *find_frontend(const struct address *address, __be16 port, __u8 protocol)
{
	const struct frontend *frontend = find_exact_frontend(address, port, protocol);

	return frontend ? frontend : find_exact_frontend(address, 0, 0);
}

#endif
