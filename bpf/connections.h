/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Connections of this node's pods, and those that the node translates: what was decided for the first packet holds for the others. */
#ifndef TWILL_CONNECTIONS_H
#define TWILL_CONNECTIONS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "tuple.h"

/* More or fewer by the agent, before it loads. */
#define MAX_CONNECTIONS 131072

#define CONNECTION_EXCHANGED 0x01  /* who opened it is the key's destination */
#define CONNECTION_ANSWERED 0x02   /* the other end has spoken */
#define CONNECTION_FIN_OPENER 0x04 /* the opener has said that it ends */
#define CONNECTION_FIN_OTHER 0x08
#define CONNECTION_RESET 0x10
#define CONNECTION_TRANSLATED 0x20 /* by `translations`: the key is what the other end sees */
#define CONNECTION_OPENER_HERE 0x40 /* the opener is of this node: what says so over the network is forged */
#define CONNECTION_OTHER_HERE 0x80
#define CONNECTION_EGRESS_ASKED 0x100 /* of what the kernel has translated: the opener's policies were asked about the service's address */
#define CONNECTION_SEQUENCE_OPENER 0x200 /* the opener's sequence number is known */
#define CONNECTION_SEQUENCE_OTHER 0x400
#define CONNECTION_ENDED (CONNECTION_FIN_OPENER | CONNECTION_FIN_OTHER)

struct connection {
	__u32 seen;         /* seconds of the monotonic clock when its last packet came by */
	__u32 generation;   /* of the policies that allowed it */
	__u32 egress_rule;  /* what allowed the opener to open it; 0: no policy was asked */
	__u32 ingress_rule; /* what allowed the other end to be reached */
	__u32 service;      /* through which it came; 0: none, or translated at the socket */
	__u32 flags;
	__u32 opened;       /* seconds, as `seen` */
	__be16 sequence_opener; /* upper half of the opener's last sequence number of TCP: sequence.h */
	__be16 sequence_other;
};
_Static_assert(sizeof(struct connection) == 32, "struct connection is read by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_CONNECTIONS);
	__type(key, struct tuple); /* made by make_key */
	__type(value, struct connection);
} connections SEC(".maps");

/* What a packet that says `key` is to say instead. A translated connection has two: one for each direction. */
struct translation {
	struct tuple to;
	__u32 seen; /* as in struct connection */
	__u32 service;
};
_Static_assert(sizeof(struct translation) == 48, "struct translation is read by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_CONNECTIONS);
	__type(key, struct tuple); /* as the packet says it */
	__type(value, struct translation);
} translations SEC(".maps");

static __always_inline int has_ended(const struct connection *connection)
{
	return (connection->flags & CONNECTION_RESET) || (connection->flags & CONNECTION_ENDED) == CONNECTION_ENDED;
}

static __always_inline __u32 seconds(void)
{
	return bpf_ktime_get_coarse_ns() / 1000000000ULL;
}

#endif
