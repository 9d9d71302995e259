// Who of many reaches whom: what evaluate() says of each pair, asked once for all that are the same to the policies of an end.
//
//   rows ──► classes (who is alike) ──► the policies of a class, a set ──► for each direction of a set: classes that its peers do not tell
//                                                                          apart, and a verdict for each of those and kind of destination

import { familyOf } from "#net/ip.ts";
import { classifierOf, distinctPeers, peerKey } from "./classify.ts";
import { verdictOf } from "./evaluate.ts";
import { isChosen, peerMismatch, type Traffic } from "./match.ts";
import { isOnePod, type Party, type PodParty } from "./party.ts";
import type { Direction, Peer, Policy } from "./rule.ts";

/** Somebody who connects, or is connected to with any of `traffic`. Nodes are not among them. */
export type Row = { readonly party: Party; readonly traffic: readonly Traffic[] };

/** Whether each of a destination's traffic may pass. */
export type Passes = readonly boolean[];

type Class = {
  /** One that stands for all. */
  readonly row: Row;
  /** The same number for those that are the same as a destination: with the same ports, families and traffic. */
  readonly destination: number;
  /** Policies about it; undefined for who is no pod. */
  readonly set: PolicySet | undefined;
};

/** Policies that are about the same pods. */
type PolicySet = { readonly policies: readonly Policy[]; readonly sides: { [D in Direction]?: Side } };

/** What a set says in one direction. */
type Side = {
  /** By class, the number of those of whom the set's peers say the same. */
  readonly alike: Uint32Array;
  /** By `alike` and destination. */
  readonly verdicts: Map<number, Passes>;
};

export class Reach {
  readonly #rows: readonly Row[];
  readonly #classOfRow: readonly number[];
  readonly #classes: readonly Class[];
  readonly #destinations: number;
  /** By the peer, which classes it means. */
  readonly #meant = new Map<string, readonly number[]>();

  constructor(policies: readonly Policy[], rows: readonly Row[]) {
    const classify = classifierOf(policies);
    const numbers = { classes: new Map<string, number>(), destinations: new Map<string, number>() };
    const sets = new Map<string, PolicySet>();
    const classes: Class[] = [];
    this.#rows = rows;
    this.#classOfRow = rows.map((row, index) => {
      const { party } = row;
      const destination = numberOf(numbers.destinations, destinationKey(row));
      // Who is no pod is alone: there are few of them.
      const alike = party.party === "pod" ? `pod ${classify(party)} ${destination}` : `row ${index}`;
      const number = numberOf(numbers.classes, alike);
      if (number === classes.length)
        classes.push({ row, destination, set: party.party === "pod" ? setOf(policies, party, sets) : undefined });
      return number;
    });
    this.#classes = classes;
    this.#destinations = numbers.destinations.size;
  }

  /** For each traffic of row `to`. */
  between(from: number, to: number): Passes {
    const [source, target] = [this.#rows[from], this.#rows[to]];
    if (source === undefined || target === undefined) throw new RangeError(`there is no row ${from} or ${to}`);
    if (isOnePod(source.party, target.party)) return target.traffic.map(() => true);
    return this.betweenClasses(this.classOf(from), this.classOf(to));
  }

  /** Rows of one class are the same to everybody else, and to each other. */
  classOf(row: number): number {
    return this.#classOfRow[row] ?? 0;
  }

  /** What `between` says of rows of these classes that are not one pod. */
  betweenClasses(from: number, to: number): Passes {
    const out = this.#passes(from, to, "egress");
    const into = this.#passes(to, from, "ingress");
    if (out === undefined || into === undefined)
      return out ?? into ?? this.#classes[to]?.row.traffic.map(() => true) ?? [];
    return out.map((passes, index) => passes && into[index] === true);
  }

  /** What the policies of a class say; undefined for who has none. */
  #passes(own: number, other: number, direction: Direction): Passes | undefined {
    const [ownClass, otherClass] = [this.#classes[own], this.#classes[other]];
    if (ownClass?.set === undefined || otherClass === undefined) return undefined;
    const { policies, sides } = ownClass.set;
    sides[direction] ??= { alike: this.#alike(policies, direction), verdicts: new Map() };
    const { alike, verdicts } = sides[direction];
    const target = direction === "egress" ? otherClass : ownClass;
    const key = (alike[other] ?? 0) * this.#destinations + target.destination;
    return verdicts.getOrInsertComputed(key, () => {
      const { party } = ownClass.row;
      if (party.party !== "pod") return [];
      return target.row.traffic.map(
        (traffic) => verdictOf(policies, party, direction, otherClass.row.party, target.row.party, traffic).allowed,
      );
    });
  }

  /** Tells apart the classes whom some peer of the policies means and another not. */
  #alike(policies: readonly Policy[], direction: Direction): Uint32Array {
    const rules = policies.flatMap(({ rules }) => rules.filter((rule) => rule.direction === direction));
    const alike = new Uint32Array(this.#classes.length);
    let count = 1;
    for (const peer of distinctPeers(rules.flatMap(({ peers = [] }) => peers))) {
      const moved = new Map<number, number>();
      for (const index of this.#meantBy(peer))
        alike[index] = moved.getOrInsertComputed(alike[index] ?? 0, () => count++);
    }
    return alike;
  }

  #meantBy(peer: Peer): readonly number[] {
    return this.#meant.getOrInsertComputed(peerKey(peer), () =>
      this.#classes.flatMap(({ row }, index) => (peerMismatch(peer, row.party) === undefined ? [index] : [])),
    );
  }
}

function numberOf(numbers: Map<string, number>, key: string): number {
  return numbers.getOrInsertComputed(key, () => numbers.size);
}

function destinationKey({ party, traffic }: Row): string {
  return JSON.stringify([party.party === "pod" ? party.ports : [], party.addresses.map(familyOf), traffic]);
}

function setOf(policies: readonly Policy[], pod: PodParty, sets: Map<string, PolicySet>): PolicySet {
  const own = policies.flatMap(({ subject }, index) => (isChosen(subject, pod) ? [index] : []));
  return sets.getOrInsertComputed(own.join(), () => ({
    policies: own.flatMap((index) => policies[index] ?? []),
    sides: {},
  }));
}
