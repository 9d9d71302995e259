// Policy sets by their content: made when a pod first needs one, idle when no pod has it any more.

import type { DeclaredPort } from "#model/policy/party.ts";
import type { Direction, Policy } from "#model/policy/rule.ts";
import { digestOf } from "./digest.ts";
import { type Item, type Question, questionOf } from "./item.ts";
import { itemizedTiers, PolicySet, portNamesOf, sideOf } from "./policy-set.ts";

export class SetTable {
  readonly #sets = new Map<string, PolicySet>();
  readonly #idle = new Set<PolicySet>();
  readonly #texts = new WeakMap<Policy, string>();
  readonly #ask: (question: Question) => Item;

  constructor(ask: (question: Question) => Item) {
    this.#ask = ask;
  }

  /** By key. */
  get all(): ReadonlyMap<string, PolicySet> {
    return this.#sets;
  }

  get hasIdle(): boolean {
    return this.#idle.size > 0;
  }

  /** For a pod with these policies, in the order in which they are asked, and these ports. True when it is new. */
  setOf(policies: readonly Policy[], ports: readonly DeclaredPort[]): readonly [set: PolicySet, isNew: boolean] {
    const names = portNamesOf(policies, "ingress");
    const own = ports.filter(({ name }) => names.has(name));
    const texts = own.map(({ name, protocol, port }) => `${name} ${protocol}/${port}`).sort();
    const key = digestOf([...policies.map((policy) => this.#textOf(policy)), ...new Set(texts)]);
    const known = this.#sets.get(key);
    if (known !== undefined) return [known, false];
    const set = this.#make(key, policies, own);
    this.#sets.set(key, set);
    return [set, true];
  }

  /** One pod more has a set. */
  take(set: PolicySet): void {
    set.pods++;
    this.#idle.delete(set);
  }

  /** One pod less. */
  leave(set: PolicySet): void {
    if (--set.pods === 0) this.#idle.add(set);
  }

  /** Forgets the idle ones but those to keep, and returns them. */
  retire(isKept: (set: PolicySet) => boolean): readonly PolicySet[] {
    const gone = [...this.#idle].filter((set) => !isKept(set));
    for (const set of gone) {
      this.#sets.delete(set.key);
      this.#idle.delete(set);
    }
    return gone;
  }

  #make(key: string, policies: readonly Policy[], own: readonly DeclaredPort[]): PolicySet {
    const items = new Set<Item>();
    const ask = (question: Question): Item => {
      const item = this.#ask(question);
      items.add(item);
      return item;
    };
    const tiersOf = (direction: Direction) =>
      itemizedTiers(policies, direction, ({ peers }) =>
        peers?.map(questionOf).flatMap((question) => (question === undefined ? [] : [ask(question)])),
      );
    const sides = { ingress: sideOf(tiersOf("ingress"), own), egress: sideOf(tiersOf("egress"), undefined) };
    for (const name of portNamesOf(policies, "egress")) ask({ asks: "name", name });
    const set = new PolicySet(key, policies, sides, items);
    for (const item of items) item.users.add(set);
    return set;
  }

  #textOf(policy: Policy): string {
    const known = this.#texts.get(policy);
    if (known !== undefined) return known;
    const text = digestOf([JSON.stringify(policy)]);
    this.#texts.set(policy, text);
    return text;
  }
}
