// Who reaches whom, as the policies say: for tables, and the difference that a policy makes.

import { evaluate } from "./evaluate.ts";
import { formatTraffic } from "./explain.ts";
import { groupPods } from "./groups.ts";
import type { Traffic } from "./match.ts";
import type { Party, PodParty } from "./party.ts";
import type { Policy } from "./rule.ts";
import { stranger } from "./stranger.ts";
import type { World } from "./world.ts";

/** A connection that could be, and whether it may. */
export type Cell = { readonly from: string; readonly to: string; readonly traffic: string; readonly allowed: boolean };

/**
 * Every group of pods, and the world, towards every declared port of every group, and the groups towards the world. Groups
 * are what `apart` tells apart: to compare two matrices, both must be of the same. `namespaces`: only their pods; none means all.
 */
export function matrixOf(
  world: World,
  apart: readonly Policy[] = world.policies,
  namespaces: readonly string[] = [],
): readonly Cell[] {
  const { policies } = world;
  const outside = stranger(apart);
  const pods = groupPods(world, apart);
  const groups: readonly { readonly name: string; readonly party: Party }[] = [
    ...(namespaces.length === 0 ? pods : pods.filter(({ party }) => namespaces.includes(party.namespace))),
    { name: "world", party: outside },
  ];
  return groups.flatMap((from) =>
    groups
      .filter((to) => from.party !== outside || to.party !== outside)
      .flatMap((to) =>
        trafficOf(to.party).map((traffic) => ({
          from: from.name,
          to: to.name,
          traffic: formatTraffic(traffic),
          allowed: evaluate(policies, from.party, to.party, traffic).allowed,
        })),
      ),
  );
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
