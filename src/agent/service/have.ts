// What the maps hold of services: read once, when an agent starts over maps that an earlier one has written.

import type { BpfMap } from "#bpf/map.ts";
import { Reader } from "#codec/codec.ts";
import type { Datapath } from "#datapath/datapath.ts";
import { choiceFlags } from "#datapath/service-format.ts";
import { ip } from "#net/ip.ts";
import { Held } from "./held.ts";
import { Numbers } from "./numbers.ts";
import type { BackendRow, ChoiceRow, FrontendRow, SetRow } from "./row.ts";

const noAddress = ip("::");
/** As many as a frontend's `count` can say; more are not ours. */
const maxSlots = 0x1_0000;

export type ServiceMaps = Datapath["services"];

/** Givers of numbers that nobody has, and nobody remembers. */
export type NumberGivers = { readonly group: Numbers; readonly set: Numbers; readonly backend: Numbers };

/** @throws KernelError */
export function readServices(maps: ServiceMaps): { readonly held: Held; readonly numbers: NumberGivers } {
  const held = new Held();
  const frontends: readonly FrontendRow[] = [...elementsOf(maps.frontends)]
    .flat()
    .map(([key, { service, ...value }]) => ({
      ...{ address: key.address, port: key.port, protocol: key.protocol, group: service },
      ...{ affinitySeconds: value.affinitySeconds, inside: value.inside, outside: value.outside },
    }));
  const ranges = [...maps.sourceRanges.entries()].map(([{ service, block }]) => ({ group: service, block }));
  held.commit(frontends.map((frontend) => ({ do: "set frontend", frontend, why: "found" }) as const));
  held.commit(ranges.map((range) => ({ do: "add range", range }) as const));
  const groupOf = readBackends(maps, held);
  const sets = readSets(maps, frontends, groupOf);
  held.commit(sets.map((set) => ({ do: "add set", set }) as const));
  const remembered = [...maps.affinities.entries()];
  const groups = [...held.groups.keys(), ...remembered.map(([{ service }]) => service)];
  const numbers = [...groupOf.keys(), ...remembered.map(([, { backend }]) => backend)];
  return {
    held,
    numbers: {
      group: new Numbers(highest(groups), (number) => held.groups.has(number)),
      set: new Numbers(highest([...held.sets.keys()]), (number) => held.sets.has(number)),
      // The map knows: there are too many to have them in memory by their numbers.
      backend: new Numbers(highest(numbers), (number) => maps.backends.get(number) !== undefined),
    },
  };
}

/** Notes them in `held`; returns the group of each. There are many: a batch at a time. */
function readBackends(maps: ServiceMaps, held: Held): ReadonlyMap<number, number> {
  const groupOf = new Map<number, number>();
  for (const batch of elementsOf(maps.backends)) {
    const rows = batch.map(([number, { address, port, service }]) => ({ number, group: service, address, port }));
    held.commit(rows.map((backend) => ({ do: "add backend", backend }) as const));
    for (const { number, group } of rows) groupOf.set(number, group);
  }
  return groupOf;
}

/** Slots that lead to a backend that is not there make a set that nobody wants: it is not found again, and goes. */
function readSets(
  maps: ServiceMaps,
  frontends: readonly FrontendRow[],
  groupOfBackend: ReadonlyMap<number, number>,
): readonly SetRow[] {
  const slots = new Map<number, number[]>();
  for (const batch of elementsOf(maps.slots)) {
    for (const [{ set, slot }, number] of batch) {
      if (slot >= maxSlots) continue;
      const row = slots.get(set) ?? [];
      row[slot] = number;
      slots.set(set, row);
    }
  }
  const choices = frontends.flatMap(({ inside, outside }) => [inside, outside]);
  const maglev = new Set(choices.filter(isMaglev).map(({ set }) => set));
  const groupOf = new Map(
    frontends.flatMap(({ group, inside, outside }) => [inside, outside].map(({ set }) => [set, group])),
  );
  return [...slots].map(([number, row]) => {
    const first = row.find((member) => member !== undefined) ?? 0;
    return {
      number,
      group: groupOf.get(number) ?? groupOfBackend.get(first) ?? 0,
      backends: Array.from(
        row,
        (member): BackendRow => ({ number: member ?? 0, group: 0, address: noAddress, port: 0 }),
      ),
      maglev: maglev.has(number),
    };
  });
}

/** Some at a time. */
function* elementsOf<K, V>(map: BpfMap<K, V>): Generator<readonly (readonly [K, V])[]> {
  const { key, value } = map.format;
  for (const { count, keys, values } of map.batches()) {
    const [keyReader, valueReader] = [new Reader(keys), new Reader(values)];
    yield Array.from({ length: count }, () => [key.decode(keyReader), value.decode(valueReader)] as const);
  }
}

function isMaglev({ flags }: ChoiceRow): boolean {
  return (flags & choiceFlags.maglev) !== 0;
}

function highest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}
