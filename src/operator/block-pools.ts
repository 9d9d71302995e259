// The ranges of pod addresses that an operator is told to give to nodes, checked.

import { type Cidr, familyOfCidr, lengthOf, networkOf, overlaps, parseIfAddr } from "#net/cidr.ts";
import { bitsOf, type Family } from "#net/ip.ts";
import type { BlockPool } from "./node-blocks.ts";

/** How long the prefixes of nodes' blocks are. */
export type BlockLengths = { readonly [F in Family]: number };

/** As many blocks as a plan looks through at most: 65,536. */
const maxBits = 16;

/** Ranges that cannot be given to nodes; the message is the whole sentence. */
export class BlockPoolError extends Error {
  readonly code = "BLOCK_POOL";
}

/** A pool of each range. @throws BlockPoolError naming the range */
export function readBlockPools(ranges: readonly string[], lengths: BlockLengths): readonly BlockPool[] {
  const pools = ranges.map((text) => readPool(text, lengths));
  for (const [index, { range }] of pools.entries()) {
    const before = pools.slice(0, index).find((other) => overlaps(other.range, range));
    if (before !== undefined) {
      throw new BlockPoolError(`Cannot give out ${range}: it overlaps ${before.range}, name ranges that do not`);
    }
  }
  return pools;
}

function readPool(text: string, lengths: BlockLengths): BlockPool {
  const range = readRange(text);
  const family = familyOfCidr(range);
  const blockLength = lengths[family];
  const bits = blockLength - lengthOf(range);
  if (blockLength > bitsOf(family) || bits < 0) {
    throw new BlockPoolError(`Cannot give out ${range} in blocks of /${blockLength}: none fits, name a wider range`);
  }
  if (bits > maxBits) {
    const narrowest = blockLength - maxBits;
    throw new BlockPoolError(
      `Cannot give out ${range} in blocks of /${blockLength}: they are more than ${2 ** maxBits}, name a range of /${narrowest} or longer`,
    );
  }
  return { range, blockLength };
}

function readRange(text: string): Cidr {
  const given = parseIfAddr(text);
  if (given === undefined) {
    throw new BlockPoolError(`Cannot give out "${text}": it is no block of addresses like 10.244.0.0/16`);
  }
  const range = networkOf(given);
  if (String(range) === String(given)) return range;
  throw new BlockPoolError(`Cannot give out ${given}: the block is ${range}, name that`);
}
