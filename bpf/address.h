/* SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only */
/* Addresses of both families as one type: an IPv4 address stands in ::ffff:0:0/96 (RFC 4291 section 2.5.5.2). */
#ifndef TWILL_ADDRESS_H
#define TWILL_ADDRESS_H

#include <linux/types.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct address {
	__u32 word[4]; /* network byte order */
};
_Static_assert(sizeof(struct address) == 16, "struct address is part of map keys");

static __always_inline struct address address_v4(__be32 ip)
{
	struct address address = { { 0, 0, bpf_htonl(0xffff), ip } };

	return address;
}

static __always_inline struct address address_v6(const __u32 *words)
{
	struct address address = { { words[0], words[1], words[2], words[3] } };

	return address;
}

static __always_inline int address_equal(const struct address *a, const struct address *b)
{
	return a->word[0] == b->word[0] && a->word[1] == b->word[1] && a->word[2] == b->word[2] && a->word[3] == b->word[3];
}

static __always_inline int address_is_v4(const struct address *address)
{
	return address->word[0] == 0 && address->word[1] == 0 && address->word[2] == bpf_htonl(0xffff);
}

#endif
