// What the same policies make of the pods that they select: for every class of addresses at the other end a list of verdicts.

import type { DeclaredPort } from "#model/policy/party.ts";
import type { Direction, Policy, PortMatch, Rule } from "#model/policy/rule.ts";
import type { AddressClass, Item } from "./item.ts";
import { type AskedTier, spansOf, toVerdictList, type VerdictList } from "./verdict-list.ts";

/** A rule with its peers as items; without them it is about anybody. */
export type ItemizedRule = { readonly rule: Rule; readonly items: readonly Item[] | undefined };

export type ItemizedTier = { readonly isolates: boolean; readonly rules: readonly ItemizedRule[] };

/** Lists of one direction. */
export class Side {
  readonly #tiers: readonly ItemizedTier[];
  /** Numbers of rules, counted over all tiers, by what they ask; those about anybody under undefined. */
  readonly #rulesOf = new Map<Item | undefined, number[]>();
  readonly #known = new Map<string, VerdictList>();
  readonly #ownPorts: readonly DeclaredPort[] | undefined;
  /** For addresses of which nothing holds that is asked. */
  readonly rest: VerdictList;
  /** For classes whose list is another than `rest`. */
  readonly choices = new Map<AddressClass, VerdictList>();

  /** `ownPorts`: the destination's, where it is the pod itself. */
  constructor(tiers: readonly ItemizedTier[], ownPorts: readonly DeclaredPort[] | undefined) {
    this.#tiers = tiers;
    this.#ownPorts = ownPorts;
    let number = 0;
    for (const { rules } of tiers) {
      for (const { items } of rules) {
        for (const item of new Set<Item | undefined>(items ?? [undefined])) {
          const numbers = this.#rulesOf.get(item);
          if (numbers === undefined) this.#rulesOf.set(item, [number]);
          else numbers.push(number);
        }
        number++;
      }
    }
    this.rest = this.listFor([]);
  }

  /** Makes, or keeps, what is said of a class; true when it is said apart from the rest. */
  choose(of: AddressClass): boolean {
    const list = this.listFor(of.items);
    if (list.key === this.rest.key) return false;
    this.choices.set(of, list);
    return true;
  }

  listFor(items: readonly Item[]): VerdictList {
    const numbers = new Set(this.#rulesOf.get(undefined));
    for (const item of items) for (const number of this.#rulesOf.get(item) ?? []) numbers.add(number);
    // What the other end calls its ports matters where it is the destination.
    const ports = this.#ownPorts === undefined ? items.filter(({ question }) => question.asks === "port") : [];
    const key = `${[...numbers].sort((a, b) => a - b).join()} ${ports.map(({ id }) => id).join()}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const list = toVerdictList(this.#ask(numbers, this.#ownPorts ?? ports.flatMap(portOf)));
    this.#known.set(key, list);
    return list;
  }

  #ask(numbers: ReadonlySet<number>, ports: readonly DeclaredPort[]): readonly AskedTier[] {
    const named = (name: string) => ports.filter((port) => port.name === name);
    let number = 0;
    return this.#tiers.map(({ isolates, rules }) => ({
      isolates,
      rules: rules.flatMap(({ rule }) => {
        if (!numbers.has(number++)) return [];
        const spans = rule.ports?.flatMap((match) => spansOf(match, named));
        return [{ action: rule.action, origin: rule.origin, spans }];
      }),
    }));
  }
}

/** Without rules all classes have one list: such sides are the same for all sets. */
export function sideOf(tiers: readonly ItemizedTier[], ownPorts: readonly DeclaredPort[] | undefined): Side {
  if (tiers.some(({ rules }) => rules.length > 0)) return new Side(tiers, ownPorts);
  return tiers.some(({ isolates }) => isolates) ? closedSide : openSide;
}

const openSide = new Side([], undefined);
const closedSide = new Side([{ isolates: true, rules: [] }], undefined);

function portOf({ question }: Item): readonly DeclaredPort[] {
  return question.asks === "port" ? [{ name: question.name, protocol: question.protocol, port: question.port }] : [];
}

/** A policy set in force, for as long as pods have it. */
export class PolicySet {
  /** The same for the same policies and named ports, on every node. */
  readonly key: string;
  readonly policies: readonly Policy[];
  readonly ingress: Side;
  readonly egress: Side;
  /** All that it asks of addresses. */
  readonly items: ReadonlySet<Item>;
  /** Pods that have it. */
  pods = 0;

  constructor(
    key: string,
    policies: readonly Policy[],
    sides: { readonly [D in Direction]: Side },
    items: ReadonlySet<Item>,
  ) {
    this.key = key;
    this.policies = policies;
    this.ingress = sides.ingress;
    this.egress = sides.egress;
    this.items = items;
  }
}

/** Names of ports that rules of a direction use. */
export function portNamesOf(policies: readonly Policy[], direction: Direction): ReadonlySet<string> {
  const rules = policies.flatMap(({ rules }) => rules.filter((rule) => rule.direction === direction));
  const isName = (port: PortMatch) => port.match === "name";
  return new Set(rules.flatMap(({ ports = [] }) => ports.filter(isName).map(({ name }) => name)));
}

/** The tiers of policies in the order of `byPrecedence`, with the rules of one direction. */
export function itemizedTiers(
  policies: readonly Policy[],
  direction: Direction,
  itemsOf: (rule: Rule) => readonly Item[] | undefined,
): readonly ItemizedTier[] {
  return [...Map.groupBy(policies, ({ tier }) => tier.name).values()].map((ofTier) => ({
    isolates: ofTier.some(({ isolates }) => isolates.includes(direction)),
    rules: ofTier.flatMap(({ rules }) =>
      rules.filter((rule) => rule.direction === direction).map((rule) => ({ rule, items: itemsOf(rule) })),
    ),
  }));
}
