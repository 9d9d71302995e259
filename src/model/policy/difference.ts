// What changes for whom when policies or pods do: cells of two tables that differ, without filling either.

import { sameJson } from "#base/same-json.ts";
import { classifierOf } from "./classify.ts";
import { isChosen } from "./match.ts";
import { type Cell, type Member, membersOf, type Progress } from "./matrix.ts";
import type { Party } from "./party.ts";
import { type Passes, Reach } from "./reach.ts";
import type { World } from "./world.ts";

/** One side of a comparison. */
type Table = {
  readonly members: readonly Member[];
  readonly reach: Reach;
  /** By member, whether what changes can concern it. */
  readonly concerned: readonly boolean[];
};

/**
 * The cells that the tables of two worlds see differently, as the second sees them; what one of them does not have is not allowed there. First
 * come those that only the first has.
 */
export function changesBetween(before: World, after: World, progress: Progress = () => undefined): readonly Cell[] {
  const apart = [...before.policies, ...after.policies];
  const classOf = classifierOf(apart);
  const isConcerned = concernedBy(before, after);
  const tableOf = (world: World): Table => {
    const members = membersOf(world, apart, classOf);
    const concerned = members.map(({ party }) => isConcerned(party));
    return { members, reach: new Reach(world.policies, members), concerned };
  };
  const [was, is] = [tableOf(before), tableOf(after)];
  return [
    // Of two that are still there all cells are.
    ...compare(was, is, (same) => !same, lost),
    ...compare(is, was, () => true, changed, progress),
  ];
}

/** A destination, and what may pass there from some source. */
type Way = { readonly member: Member; readonly passes: Passes };

/** `known`: the way of the same names in the other table; undefined where that has none. */
type CellsOf = (way: Way, known: Way | undefined) => readonly Pick<Cell, "traffic" | "allowed">[];

/** Asks about all pairs that what changes can concern, and that are wanted: `same` where both are in the other table as they are here. */
function compare(
  table: Table,
  others: Table,
  isWanted: (same: boolean) => boolean,
  cellsOf: CellsOf,
  progress: Progress = () => undefined,
): readonly Cell[] {
  const { members, concerned } = table;
  const twins = twinsOf(members, others.members);
  const isEqual = equalityOf(table, others, twins);
  const all = members.map((_, index) => index);
  const touched = all.filter((index) => concerned[index] === true);
  const cells: Cell[] = [];
  for (const from of all) {
    progress(from, members.length);
    for (const to of concerned[from] === true ? all : touched) {
      const same = twins[from]?.isSame === true && twins[to]?.isSame === true;
      const [source, member] = [members[from], members[to]];
      if (!isWanted(same) || source === undefined || member === undefined) continue;
      if (source.party.party !== "pod" && member.party.party !== "pod") continue;
      if (same && isEqual(from, to)) continue;
      const passes = table.reach.between(from, to);
      const known = wayOf(others, twins[from]?.index, twins[to]?.index);
      for (const cell of cellsOf({ member, passes }, known))
        cells.push({ from: source.name, to: member.name, ...cell });
    }
  }
  return cells;
}

/** A member of the same name in the other table. */
type Twin = {
  readonly index: number | undefined;
  /** With the same labels, ports and addresses. */
  readonly isSame: boolean;
};

function twinsOf(members: readonly Member[], others: readonly Member[]): readonly Twin[] {
  const byName = new Map(others.map(({ name }, index) => [name, index]));
  return members.map(({ name, party }) => {
    const index = byName.get(name);
    return { index, isSame: index !== undefined && sameJson(party, others[index]?.party) };
  });
}

function wayOf(
  { members, reach, concerned }: Table,
  from: number | undefined,
  to: number | undefined,
): Way | undefined {
  if (from === undefined || to === undefined || (concerned[from] !== true && concerned[to] !== true)) return undefined;
  const member = members[to];
  return member === undefined ? undefined : { member, passes: reach.between(from, to) };
}

function lost({ member, passes }: Way, known: Way | undefined) {
  const left = new Set(known?.member.texts);
  return member.texts
    .filter((traffic, index) => passes[index] === true && !left.has(traffic))
    .map((traffic) => ({ traffic, allowed: false }));
}

function changed({ member, passes }: Way, known: Way | undefined) {
  const before = (traffic: string) => known?.passes[known.member.texts.indexOf(traffic)] ?? false;
  return member.texts
    .map((traffic, index) => ({ traffic, allowed: passes[index] === true }))
    .filter(({ traffic, allowed }) => before(traffic) !== allowed);
}

/** Whether two members, of which both are the same in the other table, may the same there: asked once for those who are alike in both. */
function equalityOf(table: Table, others: Table, twins: readonly Twin[]): (from: number, to: number) => boolean {
  const numbers = new Map<string, number>();
  const ends: (readonly [here: number, there: number])[] = [];
  const alike = twins.map(({ index = 0 }, own) => {
    const pair = [table.reach.classOf(own), others.reach.classOf(index)] as const;
    const number = numbers.getOrInsertComputed(pair.join(), () => numbers.size);
    ends[number] ??= pair;
    return number;
  });
  // 0: not asked yet
  const answers = new Uint8Array(ends.length ** 2);
  const ask = (from: number, to: number): boolean => {
    const [source, target] = [ends[from] ?? [0, 0], ends[to] ?? [0, 0]];
    return equal(table.reach.betweenClasses(source[0], target[0]), others.reach.betweenClasses(source[1], target[1]));
  };
  return (from, to) => {
    const [source = 0, target = 0] = [alike[from], alike[to]];
    const at = source * ends.length + target;
    if (answers[at] === 0) answers[at] = ask(source, target) ? 1 : 2;
    return answers[at] === 1;
  };
}

function equal(one: Passes, other: Passes): boolean {
  if (one.length !== other.length) return false;
  for (let index = 0; index < one.length; index++) if (one[index] !== other[index]) return false;
  return true;
}

/** Whom what is different between two worlds can concern: others are connected as before. */
export function concernedBy(before: World, after: World): (party: Party) => boolean {
  const [known, wanted] = [before, after].map(({ policies }) => new Set(policies.map((each) => JSON.stringify(each))));
  const changed = [
    ...before.policies.filter((each) => wanted?.has(JSON.stringify(each)) !== true),
    ...after.policies.filter((each) => known?.has(JSON.stringify(each)) !== true),
  ];
  const [old, now] = [before, after].map(({ pods }) => new Set(pods.map((each) => JSON.stringify(each))));
  return (party) => {
    if (party.party !== "pod") return false;
    const { several: _, ...pod } = party;
    const isSame = [pod, party].some((each) => old?.has(JSON.stringify(each)) && now?.has(JSON.stringify(each)));
    return !isSame || changed.some(({ subject }) => isChosen(subject, party));
  };
}
