// Pods that policies do not tell apart, under one name: tables are about them.

import { familyOf } from "#net/ip.ts";
import { choosesPod, peerMismatch } from "./match.ts";
import { formatParty, type PodParty } from "./party.ts";
import { PrefixTable, pointOf } from "./resolve/prefix-table.ts";
import type { Peer, Policy } from "./rule.ts";
import type { World, WorldPod } from "./world.ts";

export type Group = {
  /** Of the workload when all its pods are in the group, and of the pods otherwise. */
  readonly name: string;
  /** One of them, which stands for all. */
  readonly party: PodParty;
};

/** Pods of one workload (or a pod of its own) that have the same ports, and are the same to every selector and block. */
export function groupPods({ allPods }: World, policies: readonly Policy[]): readonly Group[] {
  const peers = distinctPeers(policies);
  const selectors = peers.filter(({ peer }) => peer !== "block");
  const blocks = blockTable(peers);
  const pods = allPods.flatMap((pod) => (pod.party?.party === "pod" ? [{ pod, party: pod.party }] : []));
  const sizes = Map.groupBy(pods, ({ pod }) => workloadName(pod));
  const groups = Map.groupBy(pods, ({ pod, party }) =>
    JSON.stringify([
      workloadName(pod),
      party.ports,
      policies.map(({ subject }) => choosesPod(subject, party) === undefined),
      selectors.map((peer) => peerMismatch(peer, party) === undefined),
      // Addresses are in the same blocks when the longest that has them is the same.
      party.addresses.map((address) => blocks.longest(familyOf(address), pointOf(address))?.block),
    ]),
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

/** Rules of several policies often have the same peers. */
function distinctPeers(policies: readonly Policy[]): readonly Peer[] {
  const all = policies.flatMap(({ rules }) => rules.flatMap(({ peers = [] }) => peers));
  return [...new Map(all.map((peer) => [JSON.stringify({ ...peer, origin: undefined }), peer])).values()];
}

function blockTable(peers: readonly Peer[]): PrefixTable {
  const table = new PrefixTable(() => undefined);
  for (const peer of peers)
    if (peer.peer === "block") for (const block of [peer.block, ...peer.except]) table.hold(block);
  return table;
}

function workloadName({ namespace, name, workload }: WorldPod): string {
  return `${namespace}/${workload?.name ?? name}`;
}

function formatMembers(names: readonly string[]): string {
  const [first = "", second, ...more] = names;
  if (second === undefined) return first;
  return more.length === 0 ? `${first} and ${second}` : `${first} and ${more.length + 1} more`;
}
