// From policies, pods, namespaces and nodes to what the packet path is told; a change costs what it touches.
//
//   policies ─► sets of local pods ─► questions ─► answers of each address ─► classes ─► a list for every set and class
//
// Only questions of sets in force are asked: what no pod of this node needs to know tells no addresses apart.

import type { LabelSelector } from "#kube/selector.ts";
import type { Labels } from "#model/policy/party.ts";
import { byPrecedence, type Direction, type Policy } from "#model/policy/rule.ts";
import type { Cidr } from "#net/cidr.ts";
import { bitsOf, type Ip } from "#net/ip.ts";
import { type Address, AddressTable, type NodeOwner, ownerOf } from "./address-table.ts";
import { type Changes, noChanges } from "./changes.ts";
import { ChoiceIndex } from "./choice-index.ts";
import type { AddressClass, Item, Question } from "./item.ts";
import type { PolicySet } from "./policy-set.ts";
import { type Group, type Pod, type PodEntry, Population } from "./population.ts";
import { insideOf, type Prefix } from "./prefix-table.ts";
import { Questions } from "./questions.ts";
import { SetTable } from "./set-table.ts";

export type NodeEntry = {
  readonly name: string;
  readonly labels: Labels;
  readonly addresses: readonly Ip[];
  readonly isSelf: boolean;
};

/** What an address is to policies: this node, of a class, or nothing that matters. */
export type Identity = "self" | "other" | AddressClass;

const directions: readonly Direction[] = ["ingress", "egress"];

/**
 * Told of changes by `set…`, it works them out in `resolve`; sets that no pod has any more are there, with all their
 * answers, until `retire`: whoever copies the result moves the pods in between.
 */
export class Resolver {
  readonly #population = new Population();
  readonly #addresses = new AddressTable();
  readonly #questions: Questions;
  readonly #subjects = new ChoiceIndex<Policy>();
  readonly #policies = new Map<string, readonly Policy[]>();
  readonly #pods = new Map<string, Pod>();
  readonly #nodes = new Map<string, { readonly entry: NodeEntry; readonly owner: NodeOwner }>();
  readonly #sets = new SetTable((question) => this.#questions.ask(question));

  #changes = noChanges();
  readonly #groups = { subjects: new Set<Group>(), answers: new Set<Group>() };
  readonly #dirty = { pods: new Set<Pod>(), nodes: false, prefixes: new Set<Prefix>(), addresses: new Set<Address>() };
  readonly #fresh = { sets: new Set<PolicySet>(), classes: new Set<AddressClass>() };
  readonly #unused = new Set<AddressClass>();

  constructor() {
    this.#questions = new Questions({
      asked: (question) => this.#askedAnew(question),
      prefixed: (prefix) => this.#dirty.prefixes.add(prefix),
    });
  }

  /** `id` names an object that policies come from; none: it is gone. */
  setPolicies(id: string, policies: readonly Policy[]): void {
    const before = this.#policies.get(id) ?? [];
    this.#mention(policies);
    for (const policy of before) this.#subjects.remove(policy);
    if (policies.length === 0) this.#policies.delete(id);
    else this.#policies.set(id, policies);
    for (const policy of policies) this.#subjects.add(policy.subject, policy);
    for (const { subject } of [...before, ...policies]) {
      for (const group of this.#population.groupsOf(subject)) if (group.locals > 0) this.#groups.subjects.add(group);
    }
  }

  setNamespace(name: string, labels: Labels | undefined): void {
    for (const group of this.#population.setNamespace(name, labels).groups.values()) {
      this.#groups.answers.add(group);
      if (group.locals > 0) this.#groups.subjects.add(group);
    }
  }

  setNode(name: string, entry: NodeEntry | undefined): void {
    const before = this.#nodes.get(name);
    for (const ip of before?.entry.addresses ?? []) this.#touch(before && this.#addresses.disclaim(ip, before.owner));
    this.#nodes.delete(name);
    if (entry === undefined) return;
    const owner: NodeOwner = { node: name, isSelf: entry.isSelf, items: this.#questions.ofNode(entry.labels) };
    this.#nodes.set(name, { entry, owner });
    for (const ip of entry.addresses) this.#touch(this.#addresses.claim(ip, owner));
  }

  /** `entry` undefined: the pod is gone, has ended, or shares its node's network. */
  setPod(key: string, entry: PodEntry | undefined): void {
    const before = this.#pods.get(key);
    if (entry === undefined) {
      if (before !== undefined) this.#removePod(before);
      return;
    }
    const [group, isNew] = this.#population.group(entry);
    const pod: Pod = { key, entry, group, set: before?.set };
    this.#pods.set(key, pod);
    this.#join(pod, isNew);
    if (!entry.isLocal && before?.set !== undefined) this.#give(pod, undefined);
    for (const ip of entry.addresses) this.#touch(this.#addresses.claim(ip, pod));
    if (before !== undefined) this.#leave(before);
  }

  /** Works out what was told since; `takeChanges` has the result. */
  resolve(): void {
    this.#resolveSets();
    this.#resolveAnswers();
  }

  /** Forgets the sets that no pod has any more but those to keep, and what only they asked; `takeChanges` has the result. */
  retire(isKept: (set: PolicySet) => boolean = () => false): void {
    for (const set of this.#sets.retire(isKept)) {
      this.#changes.sets.add(set);
      for (const direction of directions) {
        for (const of of set[direction].choices.keys()) this.#changes.choices.push({ set, direction, class: of });
      }
      for (const item of set.items) {
        item.users.delete(set);
        this.#questions.drop(item);
      }
    }
    this.#resolveAnswers();
  }

  /** Whether `retire` has something to do. */
  get hasIdle(): boolean {
    return this.#sets.hasIdle;
  }

  /** What was touched since the last call. */
  takeChanges(): Changes {
    const changes = this.#changes;
    this.#changes = noChanges();
    return changes;
  }

  /** As if everything had been touched just now. */
  allChanges(): Changes {
    const changes = noChanges();
    for (const { ip } of this.#addresses.all()) changes.addresses.add(ip);
    for (const block of this.#questions.prefixes.prefixes.keys()) changes.blocks.add(block);
    for (const set of this.sets.values()) {
      changes.sets.add(set);
      for (const direction of directions) {
        for (const of of set[direction].choices.keys()) changes.choices.push({ set, direction, class: of });
      }
    }
    for (const { key, entry } of this.#pods.values()) if (entry.isLocal) changes.pods.add(key);
    return changes;
  }

  /** By key. */
  get sets(): ReadonlyMap<string, PolicySet> {
    return this.#sets.all;
  }

  get classCount(): number {
    return [...this.#questions.classes()].length;
  }

  /** What a single address must be known as; undefined: as the block says that has it. */
  identityOf(ip: Ip): Identity | undefined {
    const address = this.#addresses.get(ip);
    const owner = address === undefined ? undefined : ownerOf(address);
    if (address === undefined || owner === undefined) return undefined;
    if ("node" in owner && owner.isSelf) return "self";
    return address.class === address.prefix?.class ? undefined : (address.class ?? "other");
  }

  /** What the addresses of a block are known as; undefined: there is no such block. */
  identityOfBlock(block: Cidr): Identity | undefined {
    const prefix = this.#questions.prefixes.prefixes.get(block);
    return prefix === undefined ? undefined : (prefix.class ?? "other");
  }

  /** Undefined: the pod is none of this node's. */
  setOf(key: string): PolicySet | "open" | undefined {
    const pod = this.#pods.get(key);
    return pod?.entry.isLocal === true ? (pod.set ?? "open") : undefined;
  }

  /** Policies about a pod of this node, in the order in which they are asked. */
  policiesOf(key: string): readonly Policy[] {
    return this.#pods.get(key)?.group.policies ?? [];
  }

  /** Who has an address: the pod's key, or the node's name. */
  nameOf(ip: Ip): string | undefined {
    const address = this.#addresses.get(ip);
    const owner = address === undefined ? undefined : ownerOf(address);
    if (owner === undefined) return undefined;
    return "node" in owner ? `node ${owner.node}` : owner.key;
  }

  #mention(policies: readonly Policy[]): void {
    const fresh = this.#population.mention(policies.flatMap(podSelectorsOf));
    if (fresh.size === 0) return;
    for (const pod of this.#pods.values()) {
      if (Object.keys(pod.entry.labels).some((label) => fresh.has(label))) this.#regroup(pod);
    }
  }

  /** More of its labels are mentioned than before. */
  #regroup(pod: Pod): void {
    const { group: before } = pod;
    const [group, isNew] = this.#population.group(pod.entry);
    pod.group = group;
    this.#quit(before, pod);
    this.#join(pod, isNew);
    this.#touchPod(pod);
  }

  #removePod(pod: Pod): void {
    this.#pods.delete(pod.key);
    if (pod.set !== undefined) this.#give(pod, undefined);
    if (pod.entry.isLocal) this.#changes.pods.add(pod.key);
    this.#leave(pod);
  }

  /** Everything of a pod as it was, but its set. */
  #leave(pod: Pod): void {
    this.#dirty.pods.delete(pod);
    this.#quit(pod.group, pod);
    for (const ip of pod.entry.addresses) this.#touch(this.#addresses.disclaim(ip, pod));
  }

  /** Puts a pod into its group. */
  #join(pod: Pod, isNew: boolean): void {
    const { group, entry } = pod;
    group.pods.add(pod);
    if (isNew) group.items = this.#questions.ofGroup(group);
    if (!entry.isLocal) return;
    if (group.locals++ === 0) this.#groups.subjects.add(group);
    this.#dirty.pods.add(pod);
  }

  #quit(group: Group, pod: Pod): void {
    group.pods.delete(pod);
    if (pod.entry.isLocal) group.locals--;
    if (group.pods.size > 0) return;
    this.#population.forget(group);
    this.#groups.answers.delete(group);
    this.#groups.subjects.delete(group);
  }

  #touch(address: Address | undefined): void {
    if (address !== undefined) this.#dirty.addresses.add(address);
  }

  #touchPod({ entry }: Pod): void {
    for (const ip of entry.addresses) this.#touch(this.#addresses.get(ip));
  }

  #askedAnew(question: Question): void {
    if (question.asks === "pods") {
      for (const group of this.#population.groupsOf(question.choice)) this.#groups.answers.add(group);
    } else if (question.asks === "nodes") this.#dirty.nodes = true;
    else if (question.asks === "name") {
      for (const pod of this.#pods.values()) {
        if (pod.entry.ports.some(({ name }) => name === question.name)) this.#touchPod(pod);
      }
    }
  }

  #resolveSets(): void {
    for (const group of this.#groups.subjects) {
      const { name, labels } = group.namespace;
      group.policies = [...this.#subjects.matching(name, labels, group.labels)].sort(byPrecedence);
      for (const pod of group.pods) if (pod.entry.isLocal) this.#dirty.pods.add(pod);
    }
    this.#groups.subjects.clear();
    for (const pod of this.#dirty.pods) this.#give(pod, this.#wantedSet(pod));
    this.#dirty.pods.clear();
  }

  #give(pod: Pod, set: PolicySet | undefined): void {
    this.#changes.pods.add(pod.key);
    if (pod.set === set) return;
    if (set !== undefined) this.#sets.take(set);
    if (pod.set !== undefined) this.#sets.leave(pod.set);
    pod.set = set;
  }

  #wantedSet({ group, entry }: Pod): PolicySet | undefined {
    if (group.policies.length === 0) return undefined;
    const [set, isNew] = this.#sets.setOf(group.policies, entry.ports);
    if (isNew) {
      this.#fresh.sets.add(set);
      this.#changes.sets.add(set);
    }
    return set;
  }

  #resolveAnswers(): void {
    this.#resolvePrefixes();
    for (const group of this.#groups.answers) {
      group.items = this.#questions.ofGroup(group);
      for (const pod of group.pods) this.#touchPod(pod);
    }
    this.#groups.answers.clear();
    if (this.#dirty.nodes) this.#resolveNodes();
    for (const address of this.#dirty.addresses) this.#resolveAddress(address);
    this.#dirty.addresses.clear();
    this.#chooseLists();
    this.#forgetClasses();
  }

  #resolveNodes(): void {
    this.#dirty.nodes = false;
    for (const { entry, owner } of this.#nodes.values()) {
      owner.items = this.#questions.ofNode(entry.labels);
      for (const ip of entry.addresses) this.#touch(this.#addresses.get(ip));
    }
  }

  #resolvePrefixes(): void {
    const { prefixes } = this.#dirty;
    if (prefixes.size === 0) return;
    const { prefixes: table, world } = this.#questions;
    for (const prefix of prefixes) {
      this.#changes.blocks.add(prefix.block);
      if (prefix.uses === 0) prefix.class = this.#replace(prefix.class, []);
    }
    const isInside = insideOf(prefixes);
    for (const prefix of table.refresh(isInside)) {
      this.#changes.blocks.add(prefix.block);
      prefix.class = this.#replace(prefix.class, world === undefined ? prefix.items : [...prefix.items, world]);
    }
    for (const address of this.#addresses.all()) {
      if (isInside(address.family, address.point, bitsOf(address.family))) this.#touch(address);
    }
    prefixes.clear();
  }

  #resolveAddress(address: Address): void {
    const owner = ownerOf(address);
    this.#changes.addresses.add(address.ip);
    address.prefix = this.#questions.prefixes.longest(address.family, address.point);
    address.class = this.#replace(address.class, owner === undefined ? [] : this.#answersOf(owner, address.prefix));
    this.#addresses.forget(address);
  }

  #answersOf(owner: Pod | NodeOwner, prefix: Prefix | undefined): readonly Item[] {
    if ("node" in owner) return owner.isSelf ? [] : [...owner.items, ...(prefix?.items ?? [])];
    return [...owner.group.items, ...this.#questions.ofPorts(owner.entry.ports), ...(prefix?.items ?? [])];
  }

  /** The class of the new answers, counted instead of the old one. */
  #replace(before: AddressClass | undefined, items: readonly Item[]): AddressClass | undefined {
    const [after, isNew] = this.#questions.classOf(items);
    if (isNew && after !== undefined) this.#fresh.classes.add(after);
    if (after === before) return after;
    if (after !== undefined) after.uses++;
    if (before !== undefined && --before.uses === 0) this.#unused.add(before);
    return after;
  }

  #chooseLists(): void {
    for (const set of this.#fresh.sets) {
      for (const item of set.items) for (const of of this.#questions.classesOf(item)) this.#choose(set, of);
    }
    for (const of of this.#fresh.classes) {
      for (const item of of.items) for (const set of item.users) this.#choose(set, of);
    }
    this.#fresh.sets.clear();
    this.#fresh.classes.clear();
  }

  #choose(set: PolicySet, of: AddressClass): void {
    for (const direction of directions) {
      const side = set[direction];
      if (side.choices.has(of) || !side.choose(of)) continue;
      this.#changes.choices.push({ set, direction, class: of });
    }
  }

  #forgetClasses(): void {
    for (const gone of this.#unused) {
      if (gone.uses > 0) continue;
      this.#questions.forget(gone);
      for (const set of new Set(gone.items.flatMap(({ users }) => [...users]))) {
        for (const direction of directions) {
          if (set[direction].choices.delete(gone)) this.#changes.choices.push({ set, direction, class: gone });
        }
      }
    }
    this.#unused.clear();
  }
}

function podSelectorsOf({ subject, rules }: Policy): readonly LabelSelector[] {
  const peers = rules.flatMap(({ peers = [] }) => peers.flatMap((peer) => (peer.peer === "pods" ? [peer.pods] : [])));
  return [subject.pods, ...peers];
}
