// What the packet path's maps hold of services, kept in memory beside them: by the agent's own writes, and at its start as it is read.

import type { Protocol } from "#model/service/protocol.ts";
import type { Cidr } from "#net/cidr.ts";
import type { ServiceOperation } from "./operation.ts";
import { type BackendRow, type FrontendRow, frontendKey, type SetRow } from "./row.ts";

/** A service's port of one family: `shop/web tcp/80 ipv4`. */
export type Group = {
  readonly number: number;
  readonly backends: readonly BackendRow[];
  readonly sets: readonly SetRow[];
  readonly ranges: readonly Cidr[];
  /** How many frontends lead to it. */
  readonly frontends: number;
};

const empty = { backends: [], sets: [], ranges: [], frontends: 0 } as const;

export class Held {
  readonly #groups = new Map<number, Group>();
  readonly #frontends = new Map<string, FrontendRow>();
  readonly #backends = new Map<number, BackendRow>();
  readonly #sets = new Map<number, SetRow>();

  get groups(): ReadonlyMap<number, Group> {
    return this.#groups;
  }

  get frontends(): ReadonlyMap<string, FrontendRow> {
    return this.#frontends;
  }

  get backends(): ReadonlyMap<number, BackendRow> {
    return this.#backends;
  }

  get sets(): ReadonlyMap<number, SetRow> {
    return this.#sets;
  }

  group(number: number): Group {
    return this.#groups.get(number) ?? { number, ...empty };
  }

  /** Notes what was done. */
  commit(operations: Iterable<ServiceOperation>): void {
    for (const operation of operations) this.#commit(operation);
  }

  #commit(operation: ServiceOperation): void {
    switch (operation.do) {
      case "add backend": {
        const { backend } = operation;
        this.#backends.set(backend.number, backend);
        this.#change(backend.group, (group) => ({ backends: [...group.backends, backend] }));
        break;
      }
      case "retire backend": {
        const { backend } = operation;
        this.#backends.delete(backend.number);
        this.#change(backend.group, ({ backends }) => ({ backends: backends.filter((each) => each !== backend) }));
        break;
      }
      case "add set": {
        const { set } = operation;
        this.#sets.set(set.number, set);
        this.#change(set.group, ({ sets }) => ({ sets: [...sets, set] }));
        break;
      }
      case "retire set": {
        const { set } = operation;
        this.#sets.delete(set.number);
        this.#change(set.group, ({ sets }) => ({ sets: sets.filter((each) => each !== set) }));
        break;
      }
      case "add range":
        this.#change(operation.range.group, ({ ranges }) => ({ ranges: [...ranges, operation.range.block] }));
        break;
      case "remove range":
        this.#change(operation.range.group, ({ ranges }) => ({
          ranges: ranges.filter((block) => block !== operation.range.block),
        }));
        break;
      case "set frontend":
        this.#removeFrontend(frontendKey(operation.frontend));
        this.#frontends.set(frontendKey(operation.frontend), operation.frontend);
        this.#change(operation.frontend.group, ({ frontends }) => ({ frontends: frontends + 1 }));
        break;
      case "remove frontend":
        this.#removeFrontend(frontendKey(operation.frontend));
        break;
    }
  }

  #removeFrontend(key: string): void {
    const before = this.#frontends.get(key);
    if (before === undefined) return;
    this.#frontends.delete(key);
    this.#change(before.group, ({ frontends }) => ({ frontends: frontends - 1 }));
  }

  /** A group of which nothing is left is gone. Number 0 is nobody's: that of refusals. */
  #change(number: number, change: (group: Group) => Partial<Group>): void {
    if (number === 0) return;
    const before = this.group(number);
    const after = { ...before, ...change(before) };
    const isEmpty = after.frontends + after.backends.length + after.sets.length + after.ranges.length === 0;
    if (isEmpty) this.#groups.delete(number);
    else this.#groups.set(number, after);
  }
}

/** The protocol that a group's name says. */
export function protocolOfGroup(name: string): Protocol | undefined {
  return (["tcp", "udp", "sctp"] as const).find((protocol) => name.includes(` ${protocol}/`));
}
