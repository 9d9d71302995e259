// Pods in groups: those of one namespace whose labels are the same, as far as selectors mention them, are the same to every policy.

import type { LabelSelector } from "#kube/selector.ts";
import { type DeclaredPort, type Labels, labelsOfNamespace } from "#model/policy/party.ts";
import type { PodChoice, Policy } from "#model/policy/rule.ts";
import type { Ip } from "#net/ip.ts";
import { hasPod } from "./choice-index.ts";
import type { Item } from "./item.ts";
import type { PolicySet } from "./policy-set.ts";

/** A pod with a network of its own that has not ended. */
export type PodEntry = {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly addresses: readonly Ip[];
  /** Those with names. */
  readonly ports: readonly DeclaredPort[];
  /** When it was made, in milliseconds: of several that claim an address the newest has it. */
  readonly createdMs: number;
  /** Whether it is of this node, which enforces what policies say of it. */
  readonly isLocal: boolean;
};

export type Pod = {
  readonly key: string;
  readonly entry: PodEntry;
  group: Group;
  /** Of a local pod whose policies are resolved; undefined: none is about it. */
  set: PolicySet | undefined;
};

export type Group = {
  readonly namespace: Namespace;
  readonly text: string;
  /** Those that selectors mention. */
  readonly labels: Labels;
  readonly pods: Set<Pod>;
  /** How many of the pods are local. */
  locals: number;
  /** Questions that hold of its pods, whatever their addresses and ports are. */
  items: readonly Item[];
  /** Policies about its pods, in the order in which they are asked; kept of groups with local pods. */
  policies: readonly Policy[];
};

export type Namespace = {
  readonly name: string;
  labels: Labels;
  readonly groups: Map<string, Group>;
};

export class Population {
  readonly #namespaces = new Map<string, Namespace>();
  readonly #mentioned = new Set<string>();
  /** Groups by value, of labels that some choice has asked for. */
  readonly #byLabel = new Map<string, Map<string, Set<Group>>>();

  /** One that nobody has told of has its name only. */
  namespace(name: string): Namespace {
    return this.#namespaces.getOrInsertComputed(name, () => ({
      name,
      labels: labelsOfNamespace(name),
      groups: new Map(),
    }));
  }

  /** `labels` undefined: the namespace is gone, but for pods that still are. */
  setNamespace(name: string, labels: Labels | undefined): Namespace {
    const namespace = this.namespace(name);
    namespace.labels = labelsOfNamespace(name, labels);
    if (labels === undefined && namespace.groups.size === 0) this.#namespaces.delete(name);
    return namespace;
  }

  /** Tells of selectors; returns the labels that none has mentioned before: pods that have them need other groups. */
  mention(selectors: Iterable<LabelSelector>): ReadonlySet<string> {
    const fresh = new Set<string>();
    for (const selector of selectors) {
      for (const { key } of selector) {
        if (this.#mentioned.has(key)) continue;
        this.#mentioned.add(key);
        fresh.add(key);
      }
    }
    return fresh;
  }

  /** The group of a pod, made when there is none; true when it is new. */
  group({ namespace: name, labels: all }: PodEntry): readonly [group: Group, isNew: boolean] {
    const namespace = this.namespace(name);
    const keys = Object.keys(all).filter((key) => this.#mentioned.has(key));
    // Labels in any order are the same.
    const text = keys
      .sort()
      .map((key) => `${key}=${all[key]}`)
      .join();
    const known = namespace.groups.get(text);
    if (known !== undefined) return [known, false];
    const labels = Object.fromEntries(keys.map((key) => [key, all[key] ?? ""]));
    const group: Group = { namespace, text, labels, pods: new Set(), locals: 0, items: [], policies: [] };
    namespace.groups.set(text, group);
    for (const [key, byValue] of this.#byLabel) fileGroup(byValue, labels[key], group);
    return [group, true];
  }

  /** Takes away a group without pods. */
  forget({ namespace, text, labels, ...group }: Group): void {
    const known = namespace.groups.get(text);
    if (known === undefined || group.pods.size > 0) return;
    namespace.groups.delete(text);
    for (const [key, byValue] of this.#byLabel) {
      const value = labels[key];
      if (value !== undefined) byValue.get(value)?.delete(known);
    }
  }

  /** All groups of a namespace. */
  *groups(): Iterable<Group> {
    for (const { groups } of this.#namespaces.values()) yield* groups.values();
  }

  /** The groups whose pods a choice has. */
  groupsOf(choice: PodChoice): readonly Group[] {
    const has = ({ namespace: { name, labels: own }, labels }: Group) => hasPod(choice, name, own, labels);
    return [...this.#candidates(choice)].filter(has);
  }

  *#candidates({ namespaces, pods }: PodChoice): Iterable<Group> {
    if ("name" in namespaces) {
      yield* this.#namespaces.get(namespaces.name)?.groups.values() ?? [];
      return;
    }
    const anchor = pods.find(({ operator }) => operator === "In") ?? pods.find(({ operator }) => operator === "Exists");
    if (anchor === undefined) {
      yield* this.groups();
      return;
    }
    const byValue = this.#byLabel.getOrInsertComputed(anchor.key, () => this.#file(anchor.key));
    const values = anchor.operator === "In" ? new Set(anchor.values) : byValue.keys();
    for (const value of values) yield* byValue.get(value) ?? [];
  }

  #file(key: string): Map<string, Set<Group>> {
    const byValue = new Map<string, Set<Group>>();
    for (const group of this.groups()) fileGroup(byValue, group.labels[key], group);
    return byValue;
  }
}

function fileGroup(byValue: Map<string, Set<Group>>, value: string | undefined, group: Group): void {
  if (value !== undefined) byValue.getOrInsertComputed(value, () => new Set()).add(group);
}
