/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the whole node has once. */
#ifndef TWILL_SETTINGS_H
#define TWILL_SETTINGS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>
#include "address.h"

/* Somebody else, like kube-proxy, translates addresses of services in the kernel: what is hidden from it cannot be translated back. */
#define SETTING_KERNEL_TRANSLATES 1
/* The programs translate services, also per packet. */
#define SETTING_SERVICES 2
/* A service has a backend in this node's own network: what the node says is looked at. */
#define SETTING_HOST_BACKENDS 4

struct settings {
	__u32 tunnel_ifindex; /* 0: no overlay */
	__u32 tunnel_id;      /* VXLAN network identifier */
	__u8 tunnel_mac[ETH_ALEN];
	__u16 flags;
	__u32 generation;   /* of the policies: connections that an earlier one allowed are judged again */
	__be16 tunnel_port; /* of the underlay; what it carries is looked at when it comes out */
	__be16 unused;
	struct address node_v4; /* what translated connections to other nodes' pods come from */
	struct address node_v6;
	__u16 first_port; /* of those that such connections come from, host byte order */
	__u16 last_port;
};
_Static_assert(sizeof(struct settings) == 60, "struct settings is written by the agent");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct settings);
} settings SEC(".maps");

static __always_inline struct settings *get_settings(void)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(&settings, &first);
}

/*
 * Whether the kernel has to see all packets. A pod's answer to a service's client has the pod's own address when it comes by here; only
 * the kernel knows that the client has asked for another.
 */
static __always_inline int kernel_translates(void)
{
	const struct settings *node = get_settings();

	return node && (node->flags & SETTING_KERNEL_TRANSLATES);
}

#endif
