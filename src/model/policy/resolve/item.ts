// What policies in force ask about an address. Addresses of which the same items hold are one class.

import { formatLabelSelector, type LabelSelector } from "#kube/selector.ts";
import type { Peer, PodChoice, Protocol } from "#model/policy/rule.ts";
import type { Cidr } from "#net/cidr.ts";
import { digestOf } from "./digest.ts";
import type { PolicySet } from "./policy-set.ts";

export type Question =
  | { readonly asks: "pods"; readonly choice: PodChoice }
  | { readonly asks: "nodes"; readonly labels: LabelSelector }
  | { readonly asks: "block"; readonly block: Cidr; readonly except: readonly Cidr[] }
  /** Neither a pod nor a node. */
  | { readonly asks: "world" }
  /** Which ports a pod calls so; each answer is an item of its own. */
  | { readonly asks: "name"; readonly name: string }
  | { readonly asks: "port"; readonly name: string; readonly protocol: Protocol; readonly port: number };

export type Item = {
  readonly id: number;
  /** The same for the same question, on every node. */
  readonly text: string;
  readonly question: Question;
  /** Policy sets that ask; answers to a name share those of the name. */
  readonly users: Set<PolicySet>;
  /** Of whose addresses it holds. */
  readonly classes: Set<AddressClass>;
};

/** Addresses that no policy in force tells apart. Those of which no item holds have none. */
export class AddressClass {
  /** By number. */
  readonly items: readonly Item[];
  /** Addresses and blocks that are of it. */
  uses = 0;
  #key: string | undefined;

  constructor(items: readonly Item[]) {
    this.items = items;
  }

  /** The same for the same items, on every node. */
  get key(): string {
    this.#key ??= digestOf(this.items.map(({ text }) => text).sort());
    return this.#key;
  }
}

/** What a peer asks; undefined for one that nobody is. */
export function questionOf(peer: Peer): Question | undefined {
  switch (peer.peer) {
    case "nothing":
      return undefined;
    case "pods":
      return { asks: "pods", choice: { namespaces: peer.namespaces, pods: peer.pods } };
    case "nodes":
      return { asks: "nodes", labels: peer.labels };
    case "world":
      return { asks: "world" };
    case "block":
      return { asks: "block", block: peer.block, except: peer.except };
  }
}

/** Also what tells questions apart: equal ones are asked once. */
export function formatQuestion(question: Question): string {
  switch (question.asks) {
    case "pods": {
      const { namespaces, pods } = question.choice;
      const where = "name" in namespaces ? namespaces.name : `(${canonical(namespaces.labels)})`;
      return `pods ${where} (${canonical(pods)})`;
    }
    case "nodes":
      return `nodes (${canonical(question.labels)})`;
    case "block":
      return `block ${question.block} but ${[...new Set(question.except)].sort().join(" ")}`;
    case "world":
      return "world";
    case "name":
      return `name ${question.name}`;
    case "port":
      return `port ${question.name} ${question.protocol}/${question.port}`;
  }
}

/** Selectors that differ in the order of their parts only are the same. */
function canonical(selector: LabelSelector): string {
  const requirements = selector.map((each) =>
    formatLabelSelector([{ ...each, values: [...new Set(each.values)].sort() }]),
  );
  return [...new Set(requirements)].sort().join(",");
}
