/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* What the whole node has once. */
#ifndef TWILL_SETTINGS_H
#define TWILL_SETTINGS_H

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <bpf/bpf_helpers.h>

struct settings {
	__u32 tunnel_ifindex; /* 0: no overlay */
	__u32 tunnel_id;      /* VXLAN network identifier */
	__u8 tunnel_mac[ETH_ALEN];
	__u16 unused;
};
_Static_assert(sizeof(struct settings) == 16, "struct settings is written by the agent");

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

#endif
