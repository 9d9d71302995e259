// The maps of policies in memory, and what the programs make of them: bpf/judge.h, step by step.

import type { PolicyMaps } from "#agent/policy/held.ts";
import type { Batch, MapFormat } from "#bpf/map.ts";
import { encode, Writer } from "#codec/codec.ts";
import {
  blocksFormat,
  identitiesFormat,
  listChoicesFormat,
  listsFormat,
  policySetsFormat,
} from "#datapath/policy-format.ts";
import { KernelError } from "#kernel/errno.ts";
import { type Cidr, contains, lengthOf } from "#net/cidr.ts";
import type { Ip } from "#net/ip.ts";

const e2big = 7;

/** A map that is full when it has `limit` elements; keys are the same when their bytes are. */
export class MemoryMap<K, V> {
  readonly format: MapFormat<K, V>;
  readonly #elements = new Map<string, readonly [K, V]>();
  readonly #limit: number;
  readonly #written: () => void;

  constructor(format: MapFormat<K, V>, limit = Number.POSITIVE_INFINITY, written: () => void = () => {}) {
    this.format = format;
    this.#limit = limit;
    this.#written = written;
  }

  set(key: K, value: V): void {
    const text = this.#text(key);
    if (!this.#elements.has(text) && this.#elements.size >= this.#limit) throw new KernelError("Cannot write", e2big);
    this.#elements.set(text, [key, value]);
    this.#written();
  }

  get(key: K): V | undefined {
    return this.#elements.get(this.#text(key))?.[1];
  }

  delete(key: K): boolean {
    const wasThere = this.#elements.delete(this.#text(key));
    this.#written();
    return wasThere;
  }

  *entries(): Generator<readonly [K, V]> {
    yield* [...this.#elements.values()];
  }

  *batches(): Generator<Batch> {
    const { key: keyFormat, value: valueFormat } = this.format;
    const [keys, values] = [new Writer(), new Writer()];
    for (const [key, value] of this.#elements.values()) {
      keyFormat.encode(keys, key);
      valueFormat.encode(values, value);
    }
    if (this.size > 0) yield { count: this.size, keys: keys.finish(), values: values.finish() };
  }

  get size(): number {
    return this.#elements.size;
  }

  #text(key: K): string {
    return Buffer.from(encode(this.format.key, key)).toString("hex");
  }
}

export type Limits = { readonly [N in keyof PolicyMaps]?: number };

export class MemoryMaps implements PolicyMaps {
  readonly identities;
  readonly blocks;
  readonly sets;
  readonly choices;
  readonly lists;

  /** `written` is told after every single write. */
  constructor(limits: Limits = {}, written: () => void = () => {}) {
    this.identities = new MemoryMap(identitiesFormat, limits.identities, written);
    this.blocks = new MemoryMap(blocksFormat, limits.blocks, written);
    this.sets = new MemoryMap(policySetsFormat, limits.sets, written);
    this.choices = new MemoryMap(listChoicesFormat, limits.choices, written);
    this.lists = new MemoryMap(listsFormat, limits.lists, written);
  }

  /** ask_policy() */
  ask(
    set: number,
    direction: number,
    peer: Ip,
    protocol: number,
    port: number,
  ): { readonly allow: boolean; readonly rule: number } {
    if (set === 0) return { allow: true, rule: 0 };
    const identity = this.#identityOf(peer);
    if (identity === 1) return { allow: true, rule: 0 };
    if (set === 1) return { allow: false, rule: 0 };
    const sets = this.sets.get(set);
    const list = this.choices.get({ set, direction, identity }) ?? (direction === 0 ? sets?.ingress : sets?.egress);
    if (list === undefined || list <= 1) return { allow: list === 0, rule: 0 };
    for (let prefixLength = 56; prefixLength >= 32; prefixLength--) {
      const bits = Math.max(0, prefixLength - 40);
      const key = {
        ...{ prefixLength, list, protocol: prefixLength >= 40 ? protocol : 0 },
        port: prefixLength >= 40 ? (port >> (16 - bits)) << (16 - bits) : 0,
      };
      const found = this.lists.get(key);
      if (found !== undefined) return { allow: found.allow !== 0, rule: found.rule };
    }
    return { allow: false, rule: 0 };
  }

  #identityOf(address: Ip): number {
    const own = this.identities.get(address);
    if (own !== undefined) return own;
    const around = [...this.blocks.entries()].filter(([block]) => covers(block, address));
    const [longest] = around.sort(([a], [b]) => lengthInMap(b) - lengthInMap(a));
    return longest?.[1] ?? 0;
  }
}

/** IPv4 addresses stand in ::ffff:0:0/96. */
function covers(block: Cidr, address: Ip): boolean {
  if (address.includes(":") || !block.includes(":")) return contains(block, address);
  return lengthOf(block) <= 96 && contains(block, "::ffff:0.0.0.0" as Ip);
}

function lengthInMap(block: Cidr): number {
  return lengthOf(block) + (block.includes(":") ? 0 : 96);
}
