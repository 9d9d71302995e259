// Who reaches whom, as the policies say: for tables.

import { type Classify, classifierOf } from "./classify.ts";
import { formatTraffic } from "./explain.ts";
import { groupPods } from "./groups.ts";
import type { Traffic } from "./match.ts";
import type { Party, PodParty } from "./party.ts";
import { Reach } from "./reach.ts";
import type { Policy } from "./rule.ts";
import { stranger } from "./stranger.ts";
import type { World } from "./world.ts";

/** A connection that could be, and whether it may. */
export type Cell = { readonly from: string; readonly to: string; readonly traffic: string; readonly allowed: boolean };

/** One that stands for all who are the same to policies. */
export type Member = {
  readonly name: string;
  readonly party: Party;
  /** What it is asked, where it is the destination; `texts` are their names. */
  readonly traffic: readonly Traffic[];
  readonly texts: readonly string[];
};

/** Told how many of the rows of a table are done, now and then. */
export type Progress = (done: number, of: number) => void;

/** Who is in a matrix: every group of pods, and the world; `apart`: policies that tell them apart. */
export function membersOf(
  world: World,
  apart: readonly Policy[] = world.policies,
  classOf: Classify = classifierOf(apart),
): readonly Member[] {
  const members = [...groupPods(world, classOf), { name: "world", party: stranger(apart) }];
  return members.map(({ name, party }) => {
    const traffic = trafficOf(party);
    return { name, party, traffic, texts: traffic.map(formatTraffic) };
  });
}

/** Every group of pods, and the world, towards every declared port of every group, and the groups towards the world. */
export function matrixOf(
  world: World,
  members: readonly Member[] = membersOf(world),
  progress: Progress = () => undefined,
): readonly Cell[] {
  const reach = new Reach(world.policies, members);
  return members.flatMap((from, row) => {
    progress(row, members.length);
    return members.flatMap((to, column) => {
      if (from.party.party !== "pod" && to.party.party !== "pod") return [];
      const passes = reach.between(row, column);
      return to.texts.map((traffic, index) => ({
        ...{ from: from.name, to: to.name, traffic },
        allowed: passes[index] === true,
      }));
    });
  });
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
