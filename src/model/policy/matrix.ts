// Who reaches whom, as the policies say: for tables, and the difference that a policy makes.

import { evaluate } from "./evaluate.ts";
import { formatTraffic } from "./explain.ts";
import { groupPods } from "./groups.ts";
import { choosesPod, type Traffic } from "./match.ts";
import type { Party, PodParty } from "./party.ts";
import type { Policy } from "./rule.ts";
import { stranger } from "./stranger.ts";
import type { World } from "./world.ts";

/** A connection that could be, and whether it may. */
export type Cell = { readonly from: string; readonly to: string; readonly traffic: string; readonly allowed: boolean };

export type MatrixOptions = {
  /** What tells pods apart; to compare two matrices, both must be of the same. Unless given, the world's own policies. */
  readonly apart?: readonly Policy[];
  /** Whether what goes from one to the other is asked for. */
  readonly isMeant?: (from: Party, to: Party) => boolean;
};

/** Who is in a matrix: every group of pods, and the world. */
export function membersOf(world: World, apart: readonly Policy[] = world.policies): readonly Member[] {
  return [...groupPods(world, apart), { name: "world", party: stranger(apart) }];
}

/** One that stands for all who are the same to policies. */
export type Member = { readonly name: string; readonly party: Party };

/** Every group of pods, and the world, towards every declared port of every group, and the groups towards the world. */
export function matrixOf(
  world: World,
  { apart = world.policies, isMeant = () => true }: MatrixOptions = {},
): readonly Cell[] {
  const rows = membersOf(world, apart).map((member) => ({ ...member, policies: policiesAbout(world, member.party) }));
  return rows.flatMap((from) =>
    rows
      .filter((to) => (from.party.party === "pod" || to.party.party === "pod") && isMeant(from.party, to.party))
      .flatMap((to) => {
        const policies = [...from.policies, ...to.policies];
        return trafficOf(to.party).map((traffic) => ({
          from: from.name,
          to: to.name,
          traffic: formatTraffic(traffic),
          allowed: evaluate(policies, from.party, to.party, traffic).allowed,
        }));
      }),
  );
}

function policiesAbout({ policies }: World, party: Party): readonly Policy[] {
  return party.party === "pod" ? policies.filter(({ subject }) => choosesPod(subject, party) === undefined) : [];
}

/** Whom what is different between two worlds can concern: others are connected as before. */
export function concernedBy(before: World, after: World): (party: Party) => boolean {
  const [known, wanted] = [before, after].map(({ policies }) => new Set(policies.map((each) => JSON.stringify(each))));
  const changed = [
    ...before.policies.filter((each) => wanted?.has(JSON.stringify(each)) !== true),
    ...after.policies.filter((each) => known?.has(JSON.stringify(each)) !== true),
  ];
  const [old, now] = [before, after].map(({ pods }) => new Set(pods.map((each) => JSON.stringify(each))));
  const isConcerned = (party: Party): boolean => {
    if (party.party !== "pod") return false;
    const { several: _, ...pod } = party;
    const isSame = [pod, party].some((each) => old?.has(JSON.stringify(each)) && now?.has(JSON.stringify(each)));
    return !isSame || changed.some(({ subject }) => choosesPod(subject, party) === undefined);
  };
  // Each is asked about with all others.
  const found = new Map<Party, boolean>();
  return (party) => found.getOrInsertComputed(party, isConcerned);
}

/** Ports that the world stands for, where it is only asked whether anything at all goes out. */
const usual: readonly Traffic[] = [{ protocol: "tcp", port: 443 }];

/** Where a pod declares no port, one stands for all. */
function trafficOf(to: Party): readonly Traffic[] {
  if (to.party !== "pod") return usual;
  const declared = declaredTraffic(to);
  return declared.length === 0 ? [{ protocol: "tcp", port: 80 }] : declared;
}

function declaredTraffic({ ports }: PodParty): readonly Traffic[] {
  const all = ports.map(({ protocol, port }) => ({ protocol, port }));
  return [...new Map(all.map((traffic) => [formatTraffic(traffic), traffic])).values()];
}

/** The cells that two matrices see differently, as the second sees them; what one of them does not have is not allowed there. */
export function changedCells(before: readonly Cell[], after: readonly Cell[]): readonly Cell[] {
  const known = new Map(before.map((cell) => [keyOf(cell), cell.allowed]));
  const there = new Set(after.map(keyOf));
  return [
    ...before.flatMap((cell) => (cell.allowed && !there.has(keyOf(cell)) ? [{ ...cell, allowed: false }] : [])),
    ...after.filter((cell) => (known.get(keyOf(cell)) ?? false) !== cell.allowed),
  ];
}

function keyOf({ from, to, traffic }: Cell): string {
  return `${from} ${to} ${traffic}`;
}
