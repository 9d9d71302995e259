// The choice of an address out of a range set: round robin, starting after the one given out last.

import { type Ip, ipToBigint } from "#net/ip.ts";
import { addressIn, type Range, type RangeSet, rangeOf } from "./range.ts";

export type Choice = { readonly address: Ip; readonly range: Range };

/**
 * The first free address after `last`, across the set's ranges and around once; from the very first when `last` is not in
 * the set. Gateways are passed over. So a container in a crash loop sees its address again only after all others.
 * Takes time for each taken address it passes, never for the free ones: an IPv6 range may be of any size.
 */
export function chooseAddress(
  set: RangeSet,
  last: Ip | undefined,
  isTaken: (address: bigint) => boolean,
): Choice | undefined {
  for (const [range, from, to] of stretches(set, last)) {
    for (let n = from; n <= to; n++) {
      if (n !== range.gateway && !isTaken(n)) return { address: addressIn(range, n), range };
    }
  }
  return undefined;
}

type Stretch = readonly [range: Range, from: bigint, to: bigint];

/** From behind `last` to the end of its range, the ranges behind it, those before it, and its own start up to `last`. */
function stretches(set: RangeSet, last: Ip | undefined): readonly Stretch[] {
  const own = last === undefined ? undefined : rangeOf(set, last);
  if (last === undefined || own === undefined) return set.map(whole);
  const index = set.indexOf(own);
  const others = [...set.slice(index + 1), ...set.slice(0, index)];
  const n = ipToBigint(last);
  return [[own, n + 1n, own.last], ...others.map(whole), [own, own.first, n]];
}

function whole(range: Range): Stretch {
  return [range, range.first, range.last];
}
