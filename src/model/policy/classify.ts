// Pods as policies see them: those that no selector and no block tells apart are one class.

import { familyOf } from "#net/ip.ts";
import { isChosen, peerMismatch } from "./match.ts";
import type { Labels, PodParty } from "./party.ts";
import { PrefixTable, pointOf } from "./resolve/prefix-table.ts";
import type { Peer, PodChoice, Policy } from "./rule.ts";

/** The number of a pod's class. Its ports, its node and its name are not looked at. */
export type Classify = (pod: PodParty) => number;

/**
 * What selectors ask is asked once for all pods that are alike in the labels, namespaces and blocks that the policies name: mostly there are
 * far fewer of these than pods.
 */
export function classifierOf(policies: readonly Policy[]): Classify {
  const subjects = distinct(policies.map(({ subject }) => subject));
  const peers = distinctPeers(policies.flatMap(({ rules }) => rules.flatMap(({ peers = [] }) => peers)));
  const selectors = peers.filter(({ peer }) => peer !== "block");
  const blocks = blockTable(peers);
  const { podKeys, namespaceKeys } = labelKeys([...subjects, ...selectors.filter((each) => each.peer === "pods")]);
  const classes = new Map<string, number>();
  const classOf = (pod: PodParty, inBlocks: readonly unknown[]): number => {
    const key = JSON.stringify([
      subjects.flatMap((subject, index) => (isChosen(subject, pod) ? [index] : [])),
      selectors.flatMap((peer, index) => (peerMismatch(peer, pod) === undefined ? [index] : [])),
      inBlocks,
    ]);
    return classes.getOrInsertComputed(key, () => classes.size);
  };
  const known = new Map<string, number>();
  return (pod) => {
    // Addresses are in the same blocks when the longest that has them is the same.
    const inBlocks = pod.addresses.map((address) => blocks.longest(familyOf(address), pointOf(address))?.block ?? "");
    const { namespace, labels, namespaceLabels } = pod;
    const alike = JSON.stringify([
      namespace,
      valuesOf(labels, podKeys),
      valuesOf(namespaceLabels, namespaceKeys),
      inBlocks,
    ]);
    return known.getOrInsertComputed(alike, () => classOf(pod, inBlocks));
  };
}

/** Rules of several policies often have the same peers; each is here once. */
export function distinctPeers(peers: readonly Peer[]): readonly Peer[] {
  return [...new Map(peers.map((peer) => [peerKey(peer), peer])).values()];
}

/** The same for peers that mean the same, wherever they are written. */
export function peerKey(peer: Peer): string {
  return JSON.stringify({ ...peer, origin: undefined });
}

function distinct<T>(values: readonly T[]): readonly T[] {
  return [...new Map(values.map((value) => [JSON.stringify(value), value])).values()];
}

function labelKeys(choices: readonly PodChoice[]) {
  const podKeys = new Set(choices.flatMap(({ pods }) => pods.map(({ key }) => key)));
  const namespaceKeys = new Set(
    choices.flatMap(({ namespaces }) => ("labels" in namespaces ? namespaces.labels.map(({ key }) => key) : [])),
  );
  return { podKeys: [...podKeys], namespaceKeys: [...namespaceKeys] };
}

function valuesOf(labels: Labels, keys: readonly string[]): readonly (string | null)[] {
  return keys.map((key) => (Object.hasOwn(labels, key) ? (labels[key] ?? null) : null));
}

function blockTable(peers: readonly Peer[]): PrefixTable {
  const table = new PrefixTable(() => undefined);
  for (const peer of peers)
    if (peer.peer === "block") for (const block of [peer.block, ...peer.except]) table.hold(block);
  return table;
}
