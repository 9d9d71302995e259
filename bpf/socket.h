/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What sockets have asked for and what they reach instead; and the network namespaces that are special. */
#ifndef TWILL_SOCKET_H
#define TWILL_SOCKET_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "address.h"

#define MAX_NAMESPACES 8192
/* Two elements a flow. More or fewer by the agent, before it loads. */
#define MAX_FLOWS 65536

#define NAMESPACE_UNTRANSLATED 1 /* its sockets reach what they ask for: something in it wants to see services' addresses */
#define NAMESPACE_NODE 2         /* the node's own: frontends on loopback addresses are for it alone */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, MAX_NAMESPACES);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64); /* cookie */
	__type(value, __u32);
} namespaces SEC(".maps");

/* Belongs to a socket and goes with it: what it is connected to cannot be pushed out by other sockets. */
struct socket {
	struct address asked; /* as its owner says it */
	struct address reached;
	__be16 asked_port; /* 0: not connected through a service */
	__be16 reached_port;
	__u32 has_flows;
};
_Static_assert(sizeof(struct socket) == 40, "struct socket is a map's value");

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct socket);
} sockets SEC(".maps");

#define FLOW_ASKED 1   /* by what the socket's owner says, for what it sends */
#define FLOW_REACHED 2 /* by the backend, for what comes back */

/* Of sockets that are not connected, and may send to any number of services. */
struct flow_key {
	__u64 socket; /* cookie */
	struct address address;
	__be16 port;
	__u8 side;
	__u8 unused[5];
};
_Static_assert(sizeof(struct flow_key) == 32, "struct flow_key is a map's key");

struct flow {
	struct address address; /* the other side */
	__be16 port;
	__u16 unused;
	__u32 backend;
	__u32 seen; /* seconds of the monotonic clock */
};
_Static_assert(sizeof(struct flow) == 28, "struct flow is a map's value");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, MAX_FLOWS);
	__type(key, struct flow_key);
	__type(value, struct flow);
} flows SEC(".maps");

#endif
