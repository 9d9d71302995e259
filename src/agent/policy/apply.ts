// Does what was planned for policies, one request at a time: what fails keeps only what depends on it from being done.

import { KernelError } from "#kernel/errno.ts";
import type { Held } from "./held.ts";
import { formatPolicyOperation, type PolicyOperation } from "./operation.ts";

export type Ground = {
  readonly held: Held;
  /** Tells the packet path which set a pod has. @throws KernelError */
  readonly give: (pod: string, set: number, keepsConnections: boolean) => void;
};

/** What could not be done, by what it is about: one sentence, and how often. */
export type Failure = { readonly what: string; readonly example: string; count: number };

/**
 * Lists, sets and classes that are not complete. Nobody is given a set, and no address gets a class, that is not: a pod goes
 * on with its last complete set, an address with its last class, and what is new stays closed. What is old stays for them,
 * until all is complete again.
 */
export class Incomplete {
  readonly lists = new Set<number>();
  readonly sets = new Set<number>();
  readonly classes = new Set<number>();
  /** Whether some block is not known as what it is. */
  blocks = false;
  readonly failures = new Map<string, Failure>();

  get isEmpty(): boolean {
    return this.failures.size === 0;
  }

  note(what: string, example: string): void {
    const known = this.failures.get(what);
    if (known === undefined) this.failures.set(what, { what, example, count: 1 });
    else known.count++;
  }

  /** A sentence each. */
  get problems(): readonly string[] {
    return [...this.failures.values()].map(
      ({ what, example, count }) =>
        `Policies are not complete (${what}, ${count} times, first: ${example}): pods keep what they last had, new ones stay closed`,
    );
  }
}

export function applyPolicy(operations: readonly PolicyOperation[], ground: Ground, incomplete: Incomplete): void {
  for (const operation of operations) {
    if (waits(operation, incomplete)) {
      fail(operation, ground.held, incomplete);
      continue;
    }
    try {
      applyOne(operation, ground);
    } catch (error) {
      if (!(error instanceof KernelError)) throw error;
      incomplete.note(`${mapOf(operation)}: ${error.message}`, formatPolicyOperation(operation));
      fail(operation, ground.held, incomplete);
    }
  }
}

/** Whether something that an operation leads to is not complete. */
function waits(operation: PolicyOperation, { lists, sets, classes, blocks, isEmpty }: Incomplete): boolean {
  switch (operation.do) {
    case "add set":
      return lists.has(operation.lists.ingress) || lists.has(operation.lists.egress);
    case "choose":
      return lists.has(operation.list);
    case "know":
    case "know block":
      return classes.has(operation.identity);
    case "give":
      return sets.has(operation.set);
    case "forget":
      // It would become what its block is.
      return blocks;
    default:
      return !isEmpty && operation.do !== "add list";
  }
}

function fail(operation: PolicyOperation, held: Held, incomplete: Incomplete): void {
  const { lists, sets, classes } = incomplete;
  if (operation.do === "know block") incomplete.blocks = true;
  switch (operation.do) {
    case "add list":
      lists.add(operation.list);
      break;
    case "add set":
      sets.add(operation.set);
      break;
    case "choose":
      sets.add(operation.choice.set);
      classes.add(operation.choice.identity);
      break;
    case "know":
    case "know block":
      // Who would tell this address from others does not know it.
      for (const { set, identity } of held.choices.values()) if (identity === operation.identity) sets.add(set);
      break;
    default:
      break;
  }
}

function applyOne(operation: PolicyOperation, { held: { maps }, give }: Ground): void {
  switch (operation.do) {
    case "add list":
      for (const { rule, allow, ...key } of operation.entries)
        maps.lists.set({ ...key, list: operation.list }, { rule, allow });
      break;
    case "add set":
      maps.sets.set(operation.set, operation.lists);
      break;
    case "choose":
      maps.choices.set(operation.choice, operation.list);
      break;
    case "know":
      maps.identities.set(operation.address, operation.identity);
      break;
    case "know block":
      maps.blocks.set(operation.block, operation.identity);
      break;
    case "give":
      give(operation.pod, operation.set, operation.keepsConnections);
      break;
    case "forget block":
      maps.blocks.delete(operation.block);
      break;
    case "forget":
      maps.identities.delete(operation.address);
      break;
    case "choose no more":
      maps.choices.delete(operation.choice);
      break;
    case "remove set":
      maps.sets.delete(operation.set);
      break;
    case "remove list":
      for (const { prefixLength, protocol, port } of operation.entries)
        maps.lists.delete({ prefixLength, list: operation.list, protocol, port });
      break;
  }
}

function mapOf({ do: word }: PolicyOperation): string {
  switch (word) {
    case "add list":
    case "remove list":
      return "lists";
    case "add set":
    case "remove set":
      return "policy sets";
    case "choose":
    case "choose no more":
      return "list choices";
    case "know":
    case "forget":
      return "identities";
    case "know block":
    case "forget block":
      return "blocks";
    case "give":
      return "endpoints";
  }
}
