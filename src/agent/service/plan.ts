// The difference between what an owner of frontends wants and what the maps hold, as operations: a frontend moves in one step from
// one whole set of slots to another.

import type { Frontend } from "#model/service/frontend.ts";
import type { Protocol } from "#model/service/protocol.ts";
import type { Target } from "#model/service/target.ts";
import type { Cidr } from "#net/cidr.ts";
import type { NumberGivers } from "./have.ts";
import type { Group, Held } from "./held.ts";
import type { ServiceOperation } from "./operation.ts";
import {
  type BackendRow,
  backendKey,
  type ChoiceRow,
  type FrontendRow,
  flagsOf,
  frontendKey,
  nobody,
  protocolNumbers,
  type SetRow,
  sameChoice,
  sameFrontend,
  setKey,
} from "./row.ts";

export type OwnedGroup = { readonly name: string; readonly number: number; readonly protocol: Protocol };

/** What a service, or a pod with ports of the host, has in the maps; there are many, and most have one group. */
export type Owned = {
  readonly groups: readonly OwnedGroup[];
  readonly frontends: readonly string[];
};

export const ownsNothing: Owned = { groups: [], frontends: [] };

export type PlanInput = {
  readonly held: Held;
  readonly numbers: NumberGivers;
  readonly before: Owned;
  /** Whether nobody has this group yet: it may be taken over from an earlier agent. */
  readonly isFree: (group: number) => boolean;
  readonly wanted: readonly Frontend[];
};

export type ServicePlan = { readonly operations: readonly ServiceOperation[]; readonly after: Owned };

/** Costs as much as the owner's frontends and endpoints, however many others there are. Only `numbers` remember that it was asked. */
export function planOwner({ held, numbers, before, isFree, wanted }: PlanInput): ServicePlan {
  const byGroup = Map.groupBy(wanted, ({ group }) => group);
  const groups = new Map<string, number>();
  const after: OwnedGroup[] = [];
  const operations: ServiceOperation[] = [];
  for (const [name, frontends] of byGroup) {
    const known = before.groups.find((group) => group.name === name)?.number;
    const number = known ?? findNumber(held, frontends, isFree, groups) ?? numbers.group.next();
    groups.set(name, number);
    for (const { protocol } of frontends.slice(0, 1)) after.push({ name, number, protocol });
    operations.push(...planGroup(held.group(number), frontends, held, numbers));
  }
  const kept = new Set(wanted.map((frontend) => frontendKey(toKey(frontend))));
  for (const key of before.frontends) {
    const frontend = held.frontends.get(key);
    // Another owner may have taken its place.
    if (frontend === undefined || kept.has(key) || !isOwn(before, frontend.group)) continue;
    operations.push({ do: "remove frontend", frontend, why: "nobody wants it" });
  }
  for (const { name, number } of before.groups) {
    if (groups.get(name) !== number) operations.push(...emptyGroup(held.group(number)));
  }
  return {
    operations: inOrder(operations),
    after: { groups: after, frontends: [...kept] },
  };
}

/** All that nobody has claimed when every owner has been planned: left by an earlier agent. */
export function planLeftovers(
  held: Held,
  isClaimedGroup: (group: number) => boolean,
  isClaimedFrontend: (key: string) => boolean,
): readonly ServiceOperation[] {
  const frontends = [...held.frontends].filter(([key]) => !isClaimedFrontend(key));
  const groups = [...held.groups.keys()].filter((number) => !isClaimedGroup(number));
  const strays = held.group(0);
  return inOrder([
    ...frontends.map(([, frontend]) => ({ do: "remove frontend", frontend, why: "nobody wants it" }) as const),
    ...groups.flatMap((number) => emptyGroup(held.group(number))),
    ...retire(strays.sets, strays.backends),
  ]);
}

function toKey({ address, protocol, port }: Frontend) {
  return { address, protocol: protocolNumbers[protocol], port };
}

function isOwn({ groups }: Owned, number: number): boolean {
  return groups.some((group) => group.number === number);
}

/** The number under which an earlier agent knew the group: that of one of its frontends. */
function findNumber(
  held: Held,
  frontends: readonly Frontend[],
  isFree: PlanInput["isFree"],
  taken: ReadonlyMap<string, number>,
): number | undefined {
  const found = frontends.map((frontend) => held.frontends.get(frontendKey(toKey(frontend)))?.group);
  const others = new Set(taken.values());
  return found.find((number) => number !== undefined && number !== 0 && isFree(number) && !others.has(number));
}

function planGroup(
  group: Group,
  frontends: readonly Frontend[],
  held: Held,
  numbers: NumberGivers,
): readonly ServiceOperation[] {
  const draft = draftOf(group, numbers);
  for (const frontend of frontends) {
    const row = rowOf(draft, frontend);
    const before = held.frontends.get(frontendKey(row));
    if (before !== undefined && sameFrontend(before, row)) continue;
    draft.operations.push({ do: "set frontend", frontend: row, why: before === undefined ? "missing" : "differs" });
  }
  const ranges = new Set(frontends.flatMap(({ sourceRanges }) => sourceRanges ?? []));
  return [
    ...draft.operations,
    ...planRanges(group, ranges),
    ...retire(
      group.sets.filter((set) => !draft.usedSets.has(set)),
      group.backends.filter((backend) => !draft.usedBackends.has(backend)),
    ),
  ];
}

/** A group while it is planned: what it has, what is added, and what of both its frontends lead to. */
type Draft = {
  readonly group: number;
  readonly numbers: NumberGivers;
  /** By `backendKey`. */
  readonly backends: Map<string, BackendRow>;
  /** By `setKey`. */
  readonly sets: Map<string, SetRow>;
  readonly usedBackends: Set<BackendRow>;
  readonly usedSets: Set<SetRow>;
  /** Frontends of a group mostly share their targets, and many share the list itself. */
  readonly chosen: Map<readonly Target[], SetRow>;
  readonly operations: ServiceOperation[];
};

function draftOf({ number, backends, sets }: Group, numbers: NumberGivers): Draft {
  return {
    ...{ group: number, numbers, operations: [], chosen: new Map() },
    ...{ usedBackends: new Set(), usedSets: new Set() },
    backends: new Map(backends.map((backend) => [backendKey(backend), backend])),
    sets: new Map(sets.map((set) => [setKey(set), set])),
  };
}

function rowOf(draft: Draft, frontend: Frontend): FrontendRow {
  const [inside, outside] = [choiceOf(draft, frontend, "inside"), choiceOf(draft, frontend, "outside")];
  return {
    ...{ ...toKey(frontend), group: draft.group, affinitySeconds: frontend.affinitySeconds ?? 0, inside },
    // Mostly the same, and there are many.
    outside: sameChoice(inside, outside) ? inside : outside,
  };
}

function choiceOf(draft: Draft, frontend: Frontend, side: "inside" | "outside"): ChoiceRow {
  const { targets } = frontend[side];
  const flags = flagsOf(frontend, side);
  if (targets.length === 0) return { ...nobody, flags };
  const set = draft.chosen.get(targets) ?? setOf(draft, targets, frontend.balance === "maglev");
  draft.chosen.set(targets, set);
  return { set: set.number, count: set.backends.length, flags };
}

function setOf(draft: Draft, targets: readonly Target[], maglev: boolean): SetRow {
  const members = targets.map((target) => backendOf(draft, target));
  const key = setKey({ backends: members, maglev });
  let set = draft.sets.get(key);
  if (set === undefined) {
    set = { number: draft.numbers.set.next(), group: draft.group, backends: members, maglev };
    draft.sets.set(key, set);
    draft.operations.push({ do: "add set", set });
  }
  draft.usedSets.add(set);
  return set;
}

function backendOf(draft: Draft, { address, port }: Target): BackendRow {
  const key = backendKey({ address, port });
  let backend = draft.backends.get(key);
  if (backend === undefined) {
    backend = { number: draft.numbers.backend.next(), group: draft.group, address, port };
    draft.backends.set(key, backend);
    draft.operations.push({ do: "add backend", backend });
  }
  draft.usedBackends.add(backend);
  return backend;
}

function planRanges({ number, ranges }: Group, wanted: ReadonlySet<Cidr>): readonly ServiceOperation[] {
  const surplus = ranges.filter((block) => !wanted.has(block));
  const missing = [...wanted].filter((block) => !ranges.includes(block));
  return [
    ...missing.map((block) => ({ do: "add range", range: { group: number, block } }) as const),
    ...surplus.map((block) => ({ do: "remove range", range: { group: number, block } }) as const),
  ];
}

function emptyGroup({ number, sets, backends, ranges }: Group): readonly ServiceOperation[] {
  return [
    ...retire(sets, backends),
    ...ranges.map((block) => ({ do: "remove range", range: { group: number, block } }) as const),
  ];
}

function retire(sets: readonly SetRow[], backends: readonly BackendRow[]): readonly ServiceOperation[] {
  return [
    ...sets.map((set) => ({ do: "retire set", set }) as const),
    ...backends.map((backend) => ({ do: "retire backend", backend }) as const),
  ];
}

/** Who leads somewhere comes after where it leads, and goes before. */
const order: readonly ServiceOperation["do"][] = [
  "add backend",
  "add set",
  "add range",
  "set frontend",
  "remove frontend",
  "remove range",
  "retire set",
  "retire backend",
];

/** Stable otherwise. */
export function inOrder(operations: readonly ServiceOperation[]): readonly ServiceOperation[] {
  return order.flatMap((word) => operations.filter((operation) => operation.do === word));
}
