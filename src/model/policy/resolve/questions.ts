// The questions of all policy sets in force, each asked once, and the classes that their answers make.

import { matchesLabels } from "#kube/selector.ts";
import type { DeclaredPort, Labels } from "#model/policy/party.ts";
import { boundsOf, type Cidr, defaultCidr, familyOfCidr } from "#net/cidr.ts";
import { ChoiceIndex } from "./choice-index.ts";
import { AddressClass, formatQuestion, type Item, type Question } from "./item.ts";
import type { PolicySet } from "./policy-set.ts";
import type { Group } from "./population.ts";
import { type Prefix, PrefixTable } from "./prefix-table.ts";

/** Told of questions that begin or cease to be asked. */
export type Asking = {
  readonly asked: (question: Question) => void;
  /** This prefix and those inside of it have other answers, or it is new or gone. */
  readonly prefixed: (prefix: Prefix) => void;
};

const roots = [defaultCidr("ipv4"), defaultCidr("ipv6")];

export class Questions {
  readonly #items = new Map<string, Item>();
  readonly #pods = new ChoiceIndex<Item>();
  readonly #nodes = new Set<Item>();
  readonly #answers = new Map<string, Map<string, Item>>();
  readonly #classes = new Map<string, AddressClass>();
  readonly #asking: Asking;
  readonly prefixes: PrefixTable;
  /** Asked of what is neither a pod nor a node. */
  world: Item | undefined;
  #lastId = 0;

  constructor(asking: Asking) {
    this.#asking = asking;
    this.prefixes = new PrefixTable(asking.prefixed);
  }

  ask(question: Question): Item {
    const text = formatQuestion(question);
    const known = this.#items.get(text);
    if (known !== undefined) return known;
    const item = this.#newItem(text, question);
    this.#items.set(text, item);
    this.#begin(item);
    return item;
  }

  /** Nobody asks any more. */
  drop(item: Item): void {
    if (item.users.size > 0 || this.#items.get(item.text) !== item) return;
    this.#items.delete(item.text);
    this.#end(item);
  }

  /** What holds of a group's pods. */
  ofGroup({ namespace, labels }: Group): readonly Item[] {
    return this.#pods.matching(namespace.name, namespace.labels, labels);
  }

  ofNode(labels: Labels): readonly Item[] {
    const holds = ({ question }: Item) => question.asks === "nodes" && matchesLabels(question.labels, labels);
    return [...this.#nodes].filter(holds);
  }

  /** What the names of a pod's ports answer. */
  ofPorts(ports: readonly DeclaredPort[]): readonly Item[] {
    const items: Item[] = [];
    for (const { name, protocol, port } of ports) {
      const answers = this.#answers.get(name);
      if (answers === undefined) continue;
      const question = { asks: "port", name, protocol, port } as const;
      const text = formatQuestion(question);
      const users = this.#items.get(formatQuestion({ asks: "name", name }))?.users ?? new Set();
      items.push(answers.getOrInsertComputed(text, () => this.#newItem(text, question, users)));
    }
    return items;
  }

  /** Classes of which something holds that an item asks. */
  *classesOf(item: Item): Iterable<AddressClass> {
    yield* item.classes;
    if (item.question.asks !== "name") return;
    for (const answer of this.#answers.get(item.question.name)?.values() ?? []) yield* answer.classes;
  }

  /** The class of these answers; undefined for none. True when it is new. */
  classOf(items: readonly Item[]): readonly [of: AddressClass | undefined, isNew: boolean] {
    if (items.length === 0) return [undefined, false];
    const sorted = [...new Set(items)].sort((a, b) => a.id - b.id);
    const key = sorted.map(({ id }) => id).join();
    const known = this.#classes.get(key);
    if (known !== undefined) return [known, false];
    const made = new AddressClass(sorted);
    this.#classes.set(key, made);
    for (const item of sorted) item.classes.add(made);
    return [made, true];
  }

  /** Forgets a class that nobody is of. */
  forget(gone: AddressClass): void {
    this.#classes.delete(gone.items.map(({ id }) => id).join());
    for (const item of gone.items) item.classes.delete(gone);
  }

  /** All that are there. */
  classes(): Iterable<AddressClass> {
    return this.#classes.values();
  }

  #newItem(text: string, question: Question, users: Set<PolicySet> = new Set()): Item {
    return { id: ++this.#lastId, text, question, users, classes: new Set() };
  }

  #begin(item: Item): void {
    const { question } = item;
    if (question.asks === "pods") this.#pods.add(question.choice, item);
    else if (question.asks === "nodes") this.#nodes.add(item);
    else if (question.asks === "name") this.#answers.set(question.name, new Map());
    else if (question.asks === "world") this.world = item;
    this.#eachBlock(item, (block, role) => {
      const prefix = this.prefixes.hold(block);
      if (role !== undefined) prefix[role].add(item);
      this.#asking.prefixed(prefix);
    });
    this.#asking.asked(question);
  }

  #end(item: Item): void {
    const { question } = item;
    if (question.asks === "pods") this.#pods.remove(item);
    else if (question.asks === "nodes") this.#nodes.delete(item);
    else if (question.asks === "name") this.#answers.delete(question.name);
    else if (question.asks === "world") this.world = undefined;
    this.#eachBlock(item, (block, role) => {
      const prefix = this.prefixes.prefixes.get(block);
      if (prefix === undefined) return;
      if (role !== undefined) prefix[role].delete(item);
      this.#asking.prefixed(prefix);
      this.prefixes.release(block);
    });
    this.#asking.asked(question);
  }

  #eachBlock({ question }: Item, change: (block: Cidr, role: "begins" | "ends" | undefined) => void): void {
    if (question.asks === "world") for (const root of roots) change(root, undefined);
    if (question.asks !== "block") return;
    change(question.block, isExcepted(question) ? undefined : "begins");
    for (const hole of new Set(question.except)) change(hole, "ends");
  }
}

/** A block inside of what is excepted from it has nothing. */
function isExcepted({ block, except }: Extract<Question, { readonly asks: "block" }>): boolean {
  const own = boundsOf(block);
  return except.some((hole) => {
    const { first, last } = boundsOf(hole);
    return familyOfCidr(hole) === familyOfCidr(block) && first <= own.first && own.last <= last;
  });
}
