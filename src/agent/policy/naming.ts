// What the numbers in the maps of policies stand for.

import { firstClass, identity, list, policySet } from "#datapath/policy-format.ts";
import { digestOf } from "#model/policy/resolve/digest.ts";
import type { Identity } from "#model/policy/resolve/resolver.ts";
import { allowList, denyList, type VerdictList } from "#model/policy/resolve/verdict-list.ts";
import { formatOrigin, type Origin } from "#model/policy/rule.ts";
import { ContentNumbers, type Displaced } from "./content-numbers.ts";

/** Those of each kind that must be remembered over a restart. */
export type Remembered = { readonly [K in "classes" | "sets" | "lists" | "rules"]?: Displaced };

export class Naming {
  readonly classes: ContentNumbers;
  readonly sets: ContentNumbers;
  readonly lists: ContentNumbers;
  readonly rules: ContentNumbers;
  readonly #origins = new Map<number, Origin>();

  constructor({ classes, sets, lists, rules }: Remembered = {}) {
    this.classes = new ContentNumbers(firstClass, classes);
    this.sets = new ContentNumbers(policySet.closed + 1, sets);
    this.lists = new ContentNumbers(list.deny + 1, lists);
    this.rules = new ContentNumbers(1, rules);
  }

  get remembered(): Remembered {
    const { classes, sets, lists, rules } = this;
    return { classes: classes.displaced, sets: sets.displaced, lists: lists.displaced, rules: rules.displaced };
  }

  identity(of: Identity): number {
    if (of === "self" || of === "other") return identity[of];
    return this.classes.numberOf(of.key);
  }

  list({ key }: VerdictList): number {
    if (key === allowList.key) return list.allow;
    return key === denyList.key ? list.deny : this.lists.numberOf(key);
  }

  /** 0: silence decided. */
  rule(origin: Origin | undefined): number {
    if (origin === undefined) return 0;
    const number = this.rules.numberOf(digestOf([formatOrigin(origin)]));
    this.#origins.set(number, origin);
    return number;
  }

  /** The rule of a number; undefined for silence, and for one of an earlier agent that no policy has any more. */
  originOf(rule: number): Origin | undefined {
    return this.#origins.get(rule);
  }
}
