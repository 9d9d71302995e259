// Does what was planned for services, in the maps: all of it or nothing.

import { maglevBuckets, maglevChunk } from "#datapath/service-format.ts";
import { maglevTable } from "#model/service/maglev.ts";
import type { ServiceMaps } from "./have.ts";
import type { Held } from "./held.ts";
import type { ServiceOperation } from "./operation.ts";
import { backendKey, type FrontendRow, frontendKey, type SetRow, toBackend } from "./row.ts";

/**
 * Writes the operations, in their order and with few calls, and notes them in `held`. When a map is full, what was written of them is
 * taken back. What is retired stays in the maps until `removeRetired`. @throws KernelError
 */
export function applyOperations(maps: ServiceMaps, held: Held, operations: readonly ServiceOperation[]): void {
  try {
    for (const step of steps) step.write(maps, operations);
  } catch (error) {
    undo(maps, held, operations);
    throw error;
  }
  held.commit(operations);
}

/** Takes away what was retired a while ago; a number that somebody has again stays. @throws KernelError */
export function removeRetired(maps: ServiceMaps, operations: readonly ServiceOperation[]): void {
  removeSets(
    maps,
    operations.flatMap((operation) => (operation.do === "retire set" ? operation.set : [])),
  );
  maps.backends.deleteAll(
    operations.flatMap((operation) => (operation.do === "retire backend" ? operation.backend.number : [])),
  );
}

type Step = { readonly write: (maps: ServiceMaps, operations: readonly ServiceOperation[]) => void };

const steps: readonly Step[] = [
  { write: ({ backends }, all) => backends.setAll(only(all, "add backend", ({ backend }) => toBackend(backend))) },
  {
    write: ({ slots, maglev }, all) => {
      const sets = only(all, "add set", ({ set }) => set);
      slots.setAll(sets.flatMap(slotsOf));
      maglev.setAll(sets.flatMap(chunksOf));
    },
  },
  // The kernel takes this kind of map's elements in batches only since 5.13.
  { write: ({ sourceRanges }, all) => each(all, "add range", ({ range }) => sourceRanges.set(toRange(range), 1)) },
  {
    write: ({ frontends }, all) => frontends.setAll(only(all, "set frontend", ({ frontend }) => toFrontend(frontend))),
  },
  { write: ({ frontends }, all) => frontends.deleteAll(only(all, "remove frontend", (each) => toKey(each.frontend))) },
  { write: ({ sourceRanges }, all) => each(all, "remove range", ({ range }) => sourceRanges.delete(toRange(range))) },
  {
    // Nobody's from now on: who was led there before stays no longer.
    write: ({ backends }, all) =>
      backends.setAll(only(all, "retire backend", ({ backend }) => toBackend({ ...backend, group: 0 }))),
  },
];

/** Back to what `held` knows, the frontends first. */
function undo(maps: ServiceMaps, held: Held, operations: readonly ServiceOperation[]): void {
  for (const operation of operations) {
    if (operation.do !== "set frontend" && operation.do !== "remove frontend") continue;
    const before = held.frontends.get(frontendKey(operation.frontend));
    if (before === undefined) maps.frontends.delete(toKey(operation.frontend));
    else maps.frontends.set(...toFrontend(before));
  }
  removeSets(
    maps,
    only(operations, "add set", ({ set }) => set),
  );
  each(operations, "add range", ({ range }) => maps.sourceRanges.delete(toRange(range)));
  maps.backends.deleteAll(only(operations, "add backend", ({ backend }) => backend.number));
  each(operations, "retire backend", ({ backend }) => maps.backends.set(...toBackend(backend)));
  each(operations, "remove range", ({ range }) => maps.sourceRanges.set(toRange(range), 1));
}

type Of<D extends ServiceOperation["do"]> = Extract<ServiceOperation, { readonly do: D }>;

function only<D extends ServiceOperation["do"], T>(
  operations: readonly ServiceOperation[],
  word: D,
  make: (operation: Of<D>) => T,
): readonly T[] {
  return operations.flatMap((operation) => (isA(operation, word) ? [make(operation)] : []));
}

function each<D extends ServiceOperation["do"]>(
  operations: readonly ServiceOperation[],
  word: D,
  work: (operation: Of<D>) => unknown,
): void {
  for (const operation of operations) if (isA(operation, word)) work(operation);
}

function isA<D extends ServiceOperation["do"]>(operation: ServiceOperation, word: D): operation is Of<D> {
  return operation.do === word;
}

/** Deletes the slots and tables of sets. @throws KernelError */
function removeSets(maps: ServiceMaps, sets: readonly SetRow[]): void {
  maps.slots.deleteAll(sets.flatMap(({ number: set, backends }) => backends.map((_, slot) => ({ set, slot }))));
  const chunks = Array.from({ length: maglevBuckets / maglevChunk }, (_, slot) => slot);
  const withTable = sets.filter(({ maglev }) => maglev);
  maps.maglev.deleteAll(withTable.flatMap(({ number: set }) => chunks.map((slot) => ({ set, slot }))));
}

/** The elements of a row, as the maps take them. */
function slotsOf({ number: set, backends }: SetRow) {
  return backends.map((backend, slot) => [{ set, slot }, backend.number] as const);
}

/** The table of a set, none for one without. */
export function chunksOf({ number: set, backends, maglev }: SetRow) {
  if (!maglev) return [];
  const table = maglevTable(backends.map(backendKey), maglevBuckets);
  return Array.from(
    { length: maglevBuckets / maglevChunk },
    (_, slot) => [{ set, slot }, [...table.subarray(slot * maglevChunk, (slot + 1) * maglevChunk)]] as const,
  );
}

export function toKey({ address, port, protocol }: Pick<FrontendRow, "address" | "port" | "protocol">) {
  return { address, port, protocol };
}

export function toFrontend(row: FrontendRow) {
  const { group, affinitySeconds, inside, outside } = row;
  return [toKey(row), { service: group, affinitySeconds, inside, outside }] as const;
}

export function toRange({ group, block }: Extract<ServiceOperation, { readonly do: "add range" }>["range"]) {
  return { service: group, block };
}
