// Giving a container its addresses: one out of each range set, all or none.

import { CniError, ErrorCode } from "#cni/error.ts";
import type { Attachment } from "#cni/plugin.ts";
import type { IpConfig } from "#cni/result.ts";
import { type Ip, ipToBigint } from "#net/ip.ts";
import { chooseAddress } from "./allocator.ts";
import { addressIn, formatRangeSet, type Range, type RangeSet, rangeOf, sizeOf, withPrefix } from "./range.ts";
import { ownerText, type Pool } from "./store.ts";

export type Wanted = {
  readonly network: string;
  readonly attachment: Attachment;
  readonly sets: readonly RangeSet[];
  /** Each must lie in a set of its own. */
  readonly requested: readonly Ip[];
};

/** Another process, one that disregards the lock, may take what we chose; after this many times we give up. */
const maxTries = 16;

/**
 * Reserves an address out of each set, in order. An attachment that holds one already gets the same again, so a runtime may
 * repeat a call whose answer it lost. On failure what this call reserved is released; what was held before stays.
 * @throws CniError 999, as the reference has it; 5 when the folder cannot be written.
 */
export function allocate(pool: Pool, wanted: Wanted): readonly IpConfig[] {
  const reserved: Ip[] = [];
  try {
    const left = new Set(wanted.requested);
    const given = wanted.sets.map((set, index) => {
      const asked = wanted.requested.find((address) => left.has(address) && rangeOf(set, address) !== undefined);
      if (asked !== undefined) left.delete(asked);
      return allocateFrom(pool, wanted, set, index, asked, reserved);
    });
    if (left.size > 0) {
      const pools = wanted.sets.map(formatRangeSet).join(" and ");
      const text = `failed to allocate all requested IPs: ${[...left].join(" ")}`;
      throw failure(`host-local: ${text}: network "${wanted.network}" gives one address out of each of ${pools}`);
    }
    return given;
  } catch (error) {
    undo(pool, reserved);
    throw error;
  }
}

/** What cannot be released now goes with the DEL that follows a failed ADD: the first error is the one to tell. */
function undo(pool: Pool, reserved: readonly Ip[]): void {
  for (const address of reserved) {
    try {
      pool.release(address);
    } catch {}
  }
}

/** The sentence that a set has nothing left, with numbers; undefined when it has. */
export function exhaustion(pool: Pool, set: RangeSet): string | undefined {
  if (chooseAddress(set, undefined, isTaken(pool, set)) !== undefined) return undefined;
  const size = sizeOf(set);
  return `no IP addresses available in range set: ${formatRangeSet(set)} (all ${size} are taken in ${pool.folder})`;
}

function allocateFrom(
  pool: Pool,
  wanted: Wanted,
  set: RangeSet,
  index: number,
  asked: Ip | undefined,
  reserved: Ip[],
): IpConfig {
  const fail = (text: string) =>
    failure(`host-local: failed to allocate for range ${index} of network "${wanted.network}": ${text}`);
  const held = heldAddress(pool, wanted.attachment, set, asked, fail);
  if (held !== undefined) return held;
  const owner = ownerText(wanted.attachment);
  for (let tries = 0; tries < maxTries; tries++) {
    const choice =
      asked === undefined
        ? chooseAddress(set, pool.lastReserved(index), isTaken(pool, set))
        : requestedAddress(pool, set, asked, fail);
    if (choice === undefined) {
      throw fail(exhaustion(pool, set) ?? `no IP addresses available in range set: ${formatRangeSet(set)}`);
    }
    if (pool.reserve(choice.address, owner, index)) {
      reserved.push(choice.address);
      return ipConfig(choice.range, choice.address);
    }
  }
  throw fail(
    `another process takes every address of ${formatRangeSet(set)} that is chosen, ${maxTries} times in a row`,
  );
}

/** What the attachment has of this set from an earlier call: the address asked for, or any if none is. */
function heldAddress(
  pool: Pool,
  attachment: Attachment,
  set: RangeSet,
  asked: Ip | undefined,
  fail: (text: string) => CniError,
): IpConfig | undefined {
  const owner = ownerText(attachment);
  for (const address of pool.addressesOf(owner)) {
    const range = rangeOf(set, address);
    if (range === undefined || (asked !== undefined && asked !== address)) continue;
    if (addressIn(range, range.gateway) !== address) return ipConfig(range, address);
  }
  if (asked !== undefined) return undefined;
  // Files from before 2018 do not name the interface: it may be this one or another of the container.
  const old = pool.addressesOf(attachment.containerID).find((address) => rangeOf(set, address) !== undefined);
  if (old === undefined) return undefined;
  throw fail(`${old} has been allocated to ${attachment.containerID}, duplicate allocation is not allowed`);
}

function requestedAddress(pool: Pool, set: RangeSet, asked: Ip, fail: (text: string) => CniError) {
  const range = rangeOf(set, asked);
  const n = ipToBigint(asked);
  if (range === undefined || n === range.gateway) throw fail(`requested ip ${asked} is subnet's gateway`);
  if (isTaken(pool, set)(n)) {
    throw fail(`requested IP address ${asked} is not available in range set ${formatRangeSet(set)}`);
  }
  return { address: asked, range };
}

function isTaken(pool: Pool, [{ family }]: RangeSet): (address: bigint) => boolean {
  return (address) => pool.taken.has(family, address);
}

function ipConfig(range: Range, address: Ip): IpConfig {
  return { address: withPrefix(range, address), gateway: addressIn(range, range.gateway) };
}

function failure(message: string): CniError {
  return new CniError(ErrorCode.internal, message);
}
