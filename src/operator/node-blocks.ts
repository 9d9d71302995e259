// Node blocks: a part of the cluster's pod addresses for each node, the lowest that is free.

import type { Node } from "#kube/kinds.ts";
import { boundsOf, type Cidr, cidr, familyOfCidr, networkOf, overlaps, parseIfAddr } from "#net/cidr.ts";
import { bitsOf, ipFromBigint } from "#net/ip.ts";

/** A range of pod addresses, and the prefix length of the block that each node gets from it. */
export type BlockPool = { readonly range: Cidr; readonly blockLength: number };

/** The blocks that a node is to get. */
export type Assignment = { readonly node: Node; readonly podCIDRs: readonly Cidr[] };

export type BlockPlan = {
  readonly assignments: readonly Assignment[];
  /** Nodes for which a pool has nothing left. */
  readonly exhausted: readonly { readonly node: Node; readonly range: Cidr }[];
};

/** Blocks for all nodes that have none, as one plan so that no block is given twice. A node gets a block of every pool, or none. */
export function planBlocks(pools: readonly BlockPool[], all: readonly Node[]): BlockPlan {
  // What cannot be read is nobody's: one such node must not keep the others from theirs.
  const taken = all.flatMap(({ spec }) => (spec?.podCIDRs ?? []).flatMap((text) => parseBlock(text) ?? []));
  const assignments: Assignment[] = [];
  const exhausted: { node: Node; range: Cidr }[] = [];
  const free = pools.map((pool) => ({ pool, blocks: freeBlocks(pool, taken), next: undefined as Cidr | undefined }));
  for (const node of all.filter(({ spec }) => spec?.podCIDR === undefined).sort(byAge)) {
    for (const each of free) each.next ??= each.blocks.next().value;
    const lacking = free.find(({ next }) => next === undefined);
    if (lacking !== undefined) exhausted.push({ node, range: lacking.pool.range });
    if (lacking !== undefined || free.length === 0) continue;
    assignments.push({ node, podCIDRs: free.flatMap(({ next }) => next ?? []) });
    for (const each of free) each.next = undefined;
  }
  return { assignments, exhausted };
}

function parseBlock(text: string): Cidr | undefined {
  const address = parseIfAddr(text);
  return address === undefined ? undefined : networkOf(address);
}

/** Oldest first, so that plans do not depend on the order of a list. */
function byAge(a: Node, b: Node): number {
  const [left, right] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ""} ${metadata.name}`);
  return (left ?? "") < (right ?? "") ? -1 : 1;
}

/** The blocks of a pool that overlap none of `taken`, the lowest first: a whole cluster may come at once. */
function* freeBlocks({ range, blockLength }: BlockPool, taken: readonly Cidr[]): Generator<Cidr, undefined> {
  const family = familyOfCidr(range);
  const size = 1n << BigInt(bitsOf(family) - blockLength);
  const { first, last } = boundsOf(range);
  const others = taken.filter((block) => overlaps(block, range)).map((block) => boundsOf(block));
  others.sort((a, b) => (a.first < b.first ? -1 : 1));
  let next = 0;
  /** The last address of those that begin before the end of the block that is looked at. */
  let reach = first - 1n;
  for (let start = first; start <= last; start += size) {
    for (let other = others[next]; other !== undefined && other.first < start + size; other = others[++next]) {
      if (other.last > reach) reach = other.last;
    }
    if (reach < start) yield cidr(`${ipFromBigint(start, family)}/${blockLength}`);
  }
  return undefined;
}
