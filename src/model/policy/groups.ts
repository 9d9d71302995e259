// Pods that policies do not tell apart, under one name: tables are about them.

import type { Classify } from "./classify.ts";
import { formatParty, type PodParty } from "./party.ts";
import type { World, WorldPod } from "./world.ts";

export type Group = {
  /** Of the workload when all its pods are in the group, and of the pods otherwise. */
  readonly name: string;
  /** One of them, which stands for all. */
  readonly party: PodParty;
};

/** Pods of one workload (or a pod of its own) that have the same ports, and are the same to every selector and block. */
export function groupPods({ allPods }: World, classOf: Classify): readonly Group[] {
  const pods = allPods.flatMap((pod) => (pod.party?.party === "pod" ? [{ pod, party: pod.party }] : []));
  const sizes = Map.groupBy(pods, ({ pod }) => workloadName(pod));
  const groups = Map.groupBy(pods, ({ pod, party }) =>
    JSON.stringify([workloadName(pod), party.ports, classOf(party)]),
  );
  return [...groups.values()].flatMap((members) => {
    const [first] = members;
    if (first === undefined) return [];
    const workload = workloadName(first.pod);
    const whole = sizes.get(workload)?.length === members.length;
    const several = members.length > 1 ? { several: true as const } : {};
    return [
      {
        name: whole ? workload : formatMembers(members.map(({ party }) => formatParty(party))),
        party: { ...first.party, ...several },
      },
    ];
  });
}

function workloadName({ namespace, name, workload }: WorldPod): string {
  return `${namespace}/${workload?.name ?? name}`;
}

function formatMembers(names: readonly string[]): string {
  const [first = "", second, ...more] = names;
  if (second === undefined) return first;
  return more.length === 0 ? `${first} and ${second}` : `${first} and ${more.length + 1} more`;
}
