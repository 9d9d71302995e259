// Node blocks: a part of the cluster's pod addresses for each node, the lowest that is free.

import type { Node } from "#kube/kinds.ts";
import { boundsOf, type Cidr, cidr, familyOfCidr, lengthOf, overlaps } from "#net/cidr.ts";
import { bitsOf, ipFromBigint } from "#net/ip.ts";

/** A range of pod addresses, and the prefix length of the block that each node gets from it. */
export type BlockPool = { readonly range: Cidr; readonly blockLength: number };

/** The blocks that a node is to get. */
export type Assignment = { readonly node: Node; readonly podCIDRs: readonly Cidr[] };

export type BlockPlan = {
  readonly assignments: readonly Assignment[];
  /** Nodes for which a pool has nothing left. */
  readonly exhausted: readonly { readonly node: string; readonly range: Cidr }[];
};

/** Blocks for all nodes that have none, as one plan so that no block is given twice. A node gets a block of every pool, or none. */
export function planBlocks(pools: readonly BlockPool[], all: readonly Node[]): BlockPlan {
  const taken = all.flatMap(({ spec }) => (spec?.podCIDRs ?? []).map(cidr));
  const assignments: Assignment[] = [];
  const exhausted: { node: string; range: Cidr }[] = [];
  for (const node of all.filter(({ spec }) => spec?.podCIDR === undefined).sort(byAge)) {
    const blocks = pools.map((pool) => ({ pool, block: freeBlock(pool, taken) }));
    const lacking = blocks.find(({ block }) => block === undefined);
    if (lacking !== undefined) exhausted.push({ node: node.metadata.name, range: lacking.pool.range });
    const podCIDRs = blocks.flatMap(({ block }) => block ?? []);
    if (lacking !== undefined || podCIDRs.length === 0) continue;
    taken.push(...podCIDRs);
    assignments.push({ node, podCIDRs });
  }
  return { assignments, exhausted };
}

/** Oldest first, so that plans do not depend on the order of a list. */
function byAge(a: Node, b: Node): number {
  const [left, right] = [a, b].map(({ metadata }) => `${metadata.creationTimestamp ?? ""} ${metadata.name}`);
  return (left ?? "") < (right ?? "") ? -1 : 1;
}

function freeBlock({ range, blockLength }: BlockPool, taken: readonly Cidr[]): Cidr | undefined {
  const family = familyOfCidr(range);
  const size = 1n << BigInt(bitsOf(family) - blockLength);
  const inRange = taken.filter((block) => overlaps(block, range)).map((block) => boundsOf(block));
  const count = 1n << BigInt(blockLength - lengthOf(range));
  const { first } = boundsOf(range);
  for (let index = 0n; index < count; index++) {
    const start = first + index * size;
    const clash = inRange.some((block) => block.first < start + size && block.last >= start);
    if (!clash) return cidr(`${ipFromBigint(start, family)}/${blockLength}`);
  }
  return undefined;
}
