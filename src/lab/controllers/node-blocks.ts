// Node blocks: a part of the cluster's pod addresses for each node, the lowest that is free.

import type { Node } from "#kube/kinds.ts";
import { nodes } from "#kube/resource.ts";
import { boundsOf, type Cidr, cidr, familyOfCidr, lengthOf, overlaps } from "#net/cidr.ts";
import { bitsOf, ipFromBigint } from "#net/ip.ts";
import type { Controller } from "./controller.ts";
import { type Operation, patch } from "./operation.ts";
import { byAge } from "./owner.ts";

/** A range of pod addresses, and the prefix length of the block that each node gets from it. */
export type BlockPool = { readonly range: Cidr; readonly blockLength: number };

/** Gives each node a block of every pool; all nodes are one plan, so that no block is given twice. */
export function nodeBlockController(pools: readonly BlockPool[]): Controller {
  return {
    name: "nodeblocks",
    keys: (kind) => (kind === "nodes" ? ["all"] : []),
    plan: (_, view) => ({ operations: planBlocks(pools, [...view.nodes.values()]) }),
  };
}

/** A patch for each node that has no block. A pool that is exhausted leaves its nodes without: nothing is shared. */
export function planBlocks(pools: readonly BlockPool[], all: readonly Node[]): readonly Operation[] {
  const taken = all.flatMap(({ spec }) => (spec?.podCIDRs ?? []).map(cidr));
  const operations: Operation[] = [];
  for (const node of all.filter(({ spec }) => spec?.podCIDR === undefined).sort(byAge)) {
    const blocks = pools.map((pool) => freeBlock(pool, taken));
    const podCIDRs = blocks.filter((block) => block !== undefined);
    if (podCIDRs.length < pools.length || podCIDRs.length === 0) continue;
    taken.push(...podCIDRs);
    operations.push(patch(nodes, node, { spec: { podCIDR: podCIDRs[0], podCIDRs } }, podCIDRs.join(", ")));
  }
  return operations;
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
