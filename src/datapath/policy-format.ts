// Identities, policy sets and lists of verdicts as the maps of bpf/policy.h hold them.

import { mapFormat } from "#bpf/map.ts";
import { padding, u8, u16be, u32, u64 } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { addressBytes, block, someAddress } from "./address-format.ts";

/** Identities that mean something; classes of addresses have numbers from `firstClass` on. */
export const identity = { other: 0, self: 1 } as const;
export const firstClass = 16;

/** Policy sets that are always there; others have numbers from 2 on. */
export const policySet = { open: 0, closed: 1 } as const;
/** Lists that need no entries; others have numbers from 2 on. */
export const list = { allow: 0, deny: 1 } as const;

/** Order of `enum direction`. */
export const directionNumber = { ingress: 0, egress: 1 } as const;

/** Identities of single addresses. */
export const identitiesFormat = mapFormat({
  name: "identities",
  key: someAddress,
  keySize: addressBytes,
  value: u32,
  valueSize: 4,
});

/** Identities of all other addresses, by the longest block. */
export const blocksFormat = mapFormat({
  name: "blocks",
  key: block,
  keySize: 20,
  value: u32,
  valueSize: 4,
});

/** Lists for identities that no choice names, by policy set. */
export const policySetsFormat = mapFormat({
  name: "policy_sets",
  key: u32,
  keySize: 4,
  value: struct({ ingress: u32, egress: u32 }),
  valueSize: 8,
});

/** The list for one identity at the other end. */
export const listChoicesFormat = mapFormat({
  name: "list_choices",
  key: struct({ set: u32, direction: u32, identity: u32 }),
  keySize: 12,
  value: u32,
  valueSize: 4,
});

/**
 * Verdicts of lists; the longest prefix decides: 32 bits the whole list, 40 a protocol, up to 56 the leading bits of a port
 * (of ICMP: type, code). What a list does not name is denied.
 */
export const listsFormat = mapFormat({
  name: "lists",
  key: struct({ prefixLength: u32, list: u32, protocol: u8, port: u16be, pad: padding(1) }),
  keySize: 12,
  value: struct({ rule: u32, allow: u32 }),
  valueSize: 8,
});

/** What was refused; times in seconds of the monotonic clock. */
export const denialsFormat = mapFormat({
  name: "denials",
  key: struct({ source: someAddress, destination: someAddress, port: u16be, protocol: u8, direction: u8, rule: u32 }),
  keySize: 40,
  value: struct({ packets: u64, first: u32, last: u32 }),
  valueSize: 16,
});
