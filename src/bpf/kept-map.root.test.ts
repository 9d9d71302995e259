// Maps that somebody else writes, too: every kind of damage is found and mended, and what the owner does meanwhile is none.

import { describe, expect, test } from "bun:test";
import { u32, u32be } from "#codec/scalar.ts";
import { struct } from "#codec/struct.ts";
import { createMap, MapType } from "#kernel/bpf-map.ts";
import { KeptMap, keptIn } from "./kept-map.ts";
import { BpfMap, mapFormat } from "./map.ts";

const many = 10_000;
const plain = mapFormat({ name: "plain", key: u32, keySize: 4, value: u32, valueSize: 4 });
/** Of a trie the longest prefix answers. */
const prefixKey = struct({ length: u32, bits: u32be });
const prefixes = mapFormat({ name: "prefixes", key: prefixKey, keySize: 8, value: u32, valueSize: 4 });

function openPlain(maxEntries: number) {
  return createMap("plain", { type: MapType.hash, keySize: 4, valueSize: 4, maxEntries, flags: 0 });
}

/** Compares once; what was mended, in words. `between` runs whenever the comparison gives way. */
function compare<K>(kept: KeptMap<K, number>, between: () => void = () => {}): readonly string[] {
  return [...kept.compare()].flatMap((damage) => {
    for (const { mend } of damage) mend();
    between();
    return damage.map(({ text }) => text);
  });
}

describe("KeptMap", () => {
  test("finds what somebody deletes, changes and adds", () => {
    using fd = openPlain(8);
    const map = new BpfMap(plain, fd.number);
    map.set(1, 16);
    const content = new Map<number, number>();
    const kept = new KeptMap(map, keptIn(content, String));
    for (const key of [2, 3]) kept.set(key, 17);
    expect(content).toEqual(new Map([[1, 16], ...[2, 3].map((key) => [key, 17] as const)]));
    expect(compare(kept)).toEqual([]);
    map.delete(1);
    map.set(2, 18);
    map.set(4, 19);
    expect(compare(kept).toSorted()).toEqual(["1 was missing", "2 had changed", "4 was strange"]);
    expect(compare(kept)).toEqual([]);
    expect(new Map(map.entries())).toEqual(content);
  });

  test("does not take a shorter prefix for one that is missing", () => {
    using fd = createMap("prefixes", { type: MapType.lpmTrie, keySize: 8, valueSize: 4, maxEntries: 8, flags: 1 });
    const map = new BpfMap(prefixes, fd.number);
    const content = new Map<string, number>();
    const parse = (text: string) => ({ length: Number(text.split("/")[1]), bits: Number(text.split("/")[0]) });
    const format = ({ length, bits }: { length: number; bits: number }) => `${bits}/${length}`;
    const kept = new KeptMap(map, {
      get: (key) => content.get(format(key)),
      set: (key, value) => content.set(format(key), value),
      delete: (key) => content.delete(format(key)),
      all: () => content.entries().map(([text, value]) => [parse(text), value] as const),
      format,
    });
    kept.set({ length: 8, bits: 0x0a000000 }, 16);
    kept.set({ length: 0, bits: 0 }, 17);
    map.delete({ length: 8, bits: 0x0a000000 });
    expect(compare(kept)).toEqual([`${0x0a000000}/8 was missing`]);
    map.set({ length: 24, bits: 0x0a000000 }, 18);
    expect(compare(kept)).toEqual([`${0x0a000000}/24 was strange`]);
    expect(compare(kept)).toEqual([]);
  });

  test("takes what its owner does during a comparison for no damage, and still finds what is", () => {
    using fd = openPlain(2 * many);
    const map = new BpfMap(plain, fd.number);
    const content = new Map<number, number>();
    const kept = new KeptMap(map, keptIn(content, String));
    for (let key = 0; key < many; key++) kept.set(key, 16);
    map.delete(many - 1);
    let next = 0;
    const busy = () => {
      kept.delete(next++);
      kept.set(many + next, 17);
      kept.set(many - 2 - next, 18);
    };
    expect(compare(kept, busy)).toEqual([`${many - 1} was missing`]);
    expect(next).toBeGreaterThan(2);
    expect(compare(kept)).toEqual([]);
    expect(new Map(map.entries())).toEqual(content);
  });
});
