// What the maps hold of services: read once, when an agent starts over maps that an earlier one has written.

import type { Datapath } from "#datapath/datapath.ts";
import { choiceFlags } from "#datapath/service-format.ts";
import { ip } from "#net/ip.ts";
import { Held } from "./held.ts";
import { Numbers } from "./numbers.ts";
import type { ServiceOperation } from "./operation.ts";
import type { BackendRow, ChoiceRow, FrontendRow, SetRow } from "./row.ts";

const noAddress = ip("::");

export type ServiceMaps = Datapath["services"];

/** Givers of numbers that nobody has, and nobody remembers. */
export type NumberGivers = { readonly group: Numbers; readonly set: Numbers; readonly backend: Numbers };

/** @throws KernelError */
export function readServices(maps: ServiceMaps): { readonly held: Held; readonly numbers: NumberGivers } {
  const held = new Held();
  const backends = readBackends(maps);
  const frontends = [...maps.frontends.entries()].map(([key, { service, affinitySeconds, inside, outside }]) => ({
    ...{
      address: key.address,
      port: key.port,
      protocol: key.protocol,
      group: service,
      affinitySeconds,
      inside,
      outside,
    },
  }));
  const sets = readSets(maps, frontends, backends);
  const ranges = [...maps.sourceRanges.entries()].map(([{ service, block }]) => ({ group: service, block }));
  const operations: readonly ServiceOperation[] = [
    ...[...backends.values()].map((backend) => ({ do: "add backend", backend }) as const),
    ...sets.map((set) => ({ do: "add set", set }) as const),
    ...ranges.map((range) => ({ do: "add range", range }) as const),
    ...frontends.map((frontend) => ({ do: "set frontend", frontend, why: "found" }) as const),
  ];
  held.commit(operations);
  const remembered = [...maps.affinities.entries()];
  const groups = [...backends.values(), ...frontends, ...ranges].map(({ group }) => group);
  return {
    held,
    numbers: {
      group: new Numbers(highest([...groups, ...remembered.map(([key]) => key.service)]), (n) => held.groups.has(n)),
      set: new Numbers(highest(sets.map(({ number }) => number)), (n) => held.sets.has(n)),
      backend: new Numbers(highest([...backends.keys(), ...remembered.map(([, { backend }]) => backend)]), (n) =>
        held.backends.has(n),
      ),
    },
  };
}

function readBackends(maps: ServiceMaps): ReadonlyMap<number, BackendRow> {
  return new Map(
    [...maps.backends.entries()].map(([number, { address, port, service }]) => [
      number,
      { number, group: service, address, port },
    ]),
  );
}

/** Slots that lead to a backend that is not there make a set that nobody wants: it is not found again, and goes. */
function readSets(
  maps: ServiceMaps,
  frontends: readonly FrontendRow[],
  backends: ReadonlyMap<number, BackendRow>,
): readonly SetRow[] {
  const slots = new Map<number, BackendRow[]>();
  for (const [{ set, slot }, number] of maps.slots.entries()) {
    const row = slots.get(set) ?? [];
    row[slot] = backends.get(number) ?? { number, group: 0, address: noAddress, port: 0 };
    slots.set(set, row);
  }
  const choices = frontends.flatMap(({ inside, outside }) => [inside, outside]);
  const maglev = new Set(choices.filter(isMaglev).map(({ set }) => set));
  const groupOf = new Map(
    frontends.flatMap(({ group, inside, outside }) => [inside, outside].map(({ set }) => [set, group])),
  );
  return [...slots].map(([number, row]) => ({
    number,
    group: groupOf.get(number) ?? row.find((backend) => backend !== undefined)?.group ?? 0,
    backends: Array.from(row, (backend) => backend ?? { number: 0, group: 0, address: noAddress, port: 0 }),
    maglev: maglev.has(number),
  }));
}

function isMaglev({ flags }: ChoiceRow): boolean {
  return (flags & choiceFlags.maglev) !== 0;
}

function highest(numbers: readonly number[]): number {
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}
