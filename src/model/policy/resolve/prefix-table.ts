// The blocks that policies in force name, holes included: which of their questions hold of an address decides the longest that has it.

import { addressOf, type Cidr, familyOfCidr, lengthOf } from "#net/cidr.ts";
import { bitsOf, type Family, type Ip, ipToBigint } from "#net/ip.ts";
import type { AddressClass, Item } from "./item.ts";

/** An address or the first one of a block as a number: IPv4 fits one that is quick. */
export type Point = number | bigint;

export class Prefix {
  readonly block: Cidr;
  readonly family: Family;
  readonly length: number;
  readonly bits: Point;
  /** Questions of blocks that hold inside, unless a longer prefix says otherwise. */
  items: readonly Item[] = [];
  class: AddressClass | undefined;
  /** Questions that begin or end here. */
  uses = 0;
  readonly begins = new Set<Item>();
  readonly ends = new Set<Item>();

  constructor(block: Cidr) {
    this.block = block;
    this.family = familyOfCidr(block);
    this.length = lengthOf(block);
    this.bits = leading(pointOf(addressOf(block)), bitsOf(this.family) - this.length);
  }
}

/** IPv4-mapped addresses are how maps hold IPv4: a block over them would have all of it. */
const mapped = 0xffffn << 32n;
const everyV4 = "0.0.0.0/0" as Cidr;

export class PrefixTable {
  readonly #changed: (prefix: Prefix) => void;
  readonly #byBlock = new Map<Cidr, Prefix>();
  /** By family and length, the longest first. */
  readonly #levels: { readonly [F in Family]: Map<number, Map<Point, Prefix>> } = { ipv4: new Map(), ipv6: new Map() };
  #lengths: { readonly [F in Family]: readonly number[] } = { ipv4: [], ipv6: [] };

  /** `changed` is told of prefixes that are new or gone. */
  constructor(changed: (prefix: Prefix) => void) {
    this.#changed = changed;
  }

  get prefixes(): ReadonlyMap<Cidr, Prefix> {
    return this.#byBlock;
  }

  /** Of an address the longest prefix; undefined: it is in none. */
  longest(family: Family, point: Point): Prefix | undefined {
    return this.#longestBelow(family, point, bitsOf(family) + 1);
  }

  /** Keeps a prefix until it is released as often. */
  hold(block: Cidr): Prefix {
    const known = this.#byBlock.get(block);
    const prefix = known ?? new Prefix(block);
    prefix.uses++;
    if (known !== undefined) return prefix;
    this.#byBlock.set(block, prefix);
    const { family, length, bits } = prefix;
    this.#levels[family].getOrInsertComputed(length, () => new Map()).set(bits, prefix);
    this.#sortLengths(family);
    this.#changed(prefix);
    if (coversMapped(prefix)) this.hold(everyV4);
    return prefix;
  }

  release(block: Cidr): void {
    const prefix = this.#byBlock.get(block);
    if (prefix === undefined || --prefix.uses > 0) return;
    const { family, length, bits } = prefix;
    this.#byBlock.delete(block);
    const level = this.#levels[family].get(length);
    level?.delete(bits);
    if (level?.size === 0) this.#levels[family].delete(length);
    this.#sortLengths(family);
    this.#changed(prefix);
    if (coversMapped(prefix)) this.release(everyV4);
  }

  /** Makes `items` right of all prefixes that are inside of changed ones, and returns them. */
  refresh(isInside: IsInside): readonly Prefix[] {
    const inside = [...this.#byBlock.values()].filter((each) => isInside(each.family, firstOf(each), each.length));
    inside.sort((a, b) => a.length - b.length);
    for (const prefix of inside) {
      const around = this.#longestBelow(prefix.family, firstOf(prefix), prefix.length);
      const kept = (around?.items ?? []).filter((item) => !prefix.ends.has(item));
      prefix.items = [...kept, ...prefix.begins];
    }
    return inside;
  }

  #longestBelow(family: Family, point: Point, limit: number): Prefix | undefined {
    const levels = this.#levels[family];
    for (const length of this.#lengths[family]) {
      if (length >= limit) continue;
      const found = levels.get(length)?.get(leading(point, bitsOf(family) - length));
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #sortLengths(family: Family): void {
    this.#lengths = { ...this.#lengths, [family]: [...this.#levels[family].keys()].sort((a, b) => b - a) };
  }
}

/** Whether an address, or the first of a block of this length, is in one of several blocks. */
export type IsInside = (family: Family, point: Point, length: number) => boolean;

/** Tells whether an address, or a prefix of at most `limit` bits, is within one of the prefixes. */
export function insideOf(prefixes: Iterable<Prefix>): IsInside {
  const levels = { ipv4: new Map<number, Set<Point>>(), ipv6: new Map<number, Set<Point>>() };
  for (const { family, length, bits } of prefixes) {
    levels[family].getOrInsertComputed(length, () => new Set()).add(bits);
  }
  return (family, point, limit) => {
    for (const [length, level] of levels[family]) {
      if (length <= limit && level.has(leading(point, bitsOf(family) - length))) return true;
    }
    return false;
  };
}

function firstOf({ family, length, bits }: Prefix): Point {
  const rest = bitsOf(family) - length;
  return typeof bits === "number" ? bits * 2 ** rest : bits << BigInt(rest);
}

/** Whether a block of IPv6 would have IPv4 addresses in a map that holds both. */
function coversMapped({ family, length, bits }: Prefix): boolean {
  return family === "ipv6" && length <= 96 && bits === mapped >> BigInt(128 - length);
}

/** Without so many bits at the end. */
function leading(point: Point, without: number): Point {
  return typeof point === "number" ? Math.floor(point / 2 ** without) : point >> BigInt(without);
}

export function pointOf(address: Ip): Point {
  if (address.includes(":")) return ipToBigint(address);
  let point = 0;
  for (const part of address.split(".")) point = point * 256 + Number(part);
  return point;
}
