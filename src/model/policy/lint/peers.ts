// Traps in whom rules mean: selectors that mean nobody or more than they seem to, blocks and their exceptions.

import { formatLabelSelector, matchesLabels } from "#kube/selector.ts";
import { describePods } from "#model/policy/describe.ts";
import { peerMismatch } from "#model/policy/match.ts";
import { networkTier, type Peer, type Rule } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import { addressOf, contains, familyOfCidr, isDefault, lengthOf } from "#net/cidr.ts";
import { parseIp } from "#net/ip.ts";
import { type Subject, valueAt, type Warning } from "./warning.ts";

/** More than these cost more than they are likely to be meant for. */
const manyPeers = 1_000;

type Block = Extract<Peer, { readonly peer: "block" }>;
type Warn = (rule: string, place: Pick<Peer | Rule, "origin">, message: string) => void;

export function lintPeers(subject: Subject): readonly Warning[] {
  const { policy, written, world } = subject;
  const warnings: Warning[] = [];
  const warn: Warn = (rule, { origin }, message) => void warnings.push({ rule, origin, message });
  for (const rule of policy.rules) {
    const { peers = [] } = rule;
    if (policy.tier === networkTier) lintTwoItems(peers, warn);
    if (peers.length > manyPeers)
      warn("many-peers", rule, `it has ${peers.length} peers: fewer blocks, or a label that they share, say the same`);
    for (const peer of peers) {
      if (peer.peer === "pods") lintPods(peer, world, warn);
      if (
        peer.peer === "nodes" &&
        world.nodes.length > 0 &&
        !world.nodes.some((node) => peerMismatch(peer, node) === undefined)
      )
        warn("peer-nobody", peer, "no node is this peer");
      if (peer.peer === "block") lintBlock(peer, rule, valueAt(written, peer.origin.path), subject, warn);
    }
  }
  return warnings;
}

/** `- namespaceSelector` and `- podSelector` side by side are often one item, written with a dash too many. */
function lintTwoItems(peers: readonly Peer[], warn: Warn): void {
  const alone = peers.findIndex(
    (peer) => peer.peer === "pods" && "labels" in peer.namespaces && peer.pods.length === 0,
  );
  const beside = peers.findIndex((peer) => peer.peer === "pods" && "name" in peer.namespaces);
  const later = peers[Math.max(alone, beside)];
  if (alone < 0 || beside < 0 || later === undefined) return;
  warn(
    "or-not-and",
    later,
    "a namespaceSelector and a podSelector stand in two items, which means either of them: write one item to mean both",
  );
}

function lintPods(peer: Extract<Peer, { readonly peer: "pods" }>, world: World, warn: Warn): void {
  if (world.pods.length === 0 || world.pods.some((pod) => peerMismatch(peer, pod) === undefined)) return;
  const { namespaces } = peer;
  if (
    "labels" in namespaces &&
    ![...world.namespaces.values()].some((labels) => matchesLabels(namespaces.labels, labels))
  ) {
    const byName = namespaces.labels.some(({ key }) => key === "name")
      ? ", whose name is its label kubernetes.io/metadata.name"
      : "";
    warn("peer-nobody", peer, `no namespace has ${formatLabelSelector(namespaces.labels)}${byName}`);
    return;
  }
  const other = peerElsewhere(peer, world);
  const hint = other === undefined ? "" : `; ${other} would be, were its namespace selected`;
  warn("peer-nobody", peer, `no pod is this peer, ${describePods(peer)}${hint}`);
}

/** A pod of another namespace with the labels of a peer that means its own namespace. */
function peerElsewhere(
  { namespaces, pods }: Extract<Peer, { readonly peer: "pods" }>,
  world: World,
): string | undefined {
  if (!("name" in namespaces) || pods.length === 0) return undefined;
  const found = world.pods.find((pod) => matchesLabels(pods, pod.labels));
  return found === undefined ? undefined : `${found.namespace}/${found.name}`;
}

function lintBlock(peer: Block, rule: Rule, raw: unknown, { pods, services }: Subject, warn: Warn): void {
  const { block, except } = peer;
  const text = writtenBlock(raw);
  if (text !== undefined && lengthOf(block) > 0 && !isSameAddress(text, block))
    warn("block-host-bits", peer, `${text} is not the beginning of its block: it means ${block}`);
  for (const hole of except) {
    if (!contains(block, addressOf(hole)) || lengthOf(hole) <= lengthOf(block))
      warn("except-outside", peer, `${hole} is no part of ${block}, so it cannot be excepted from it`);
    const again = (rule.peers ?? []).find(
      (other): other is Block =>
        other !== peer &&
        other.peer === "block" &&
        contains(other.block, addressOf(hole)) &&
        !other.except.includes(hole),
    );
    if (again !== undefined)
      warn(
        "except-allowed",
        peer,
        `${hole} is excepted here, and allowed by ${again.block} beside it: all items count`,
      );
  }
  const verb = { allow: "allows", deny: "denies", pass: "passes on" }[rule.action];
  const pod = pods.ownerIn(block, except);
  if (pod !== undefined)
    warn("block-covers-pods", peer, `${block} has pods of this cluster in it, which it ${verb} as well`);
  const service = pod === undefined && !isDefault(block) ? services.ownerIn(block, except) : undefined;
  if (service !== undefined)
    warn(
      "block-of-service",
      peer,
      `${block} has the address of service ${service}: policies see the pods behind it, so name those`,
    );
  if (isDefault(block) && pods.families > 1 && !hasOtherFamily(rule, block))
    warn("one-family", peer, `${block} is one address family, and pods of this cluster have both`);
}

function hasOtherFamily({ peers = [] }: Rule, block: Block["block"]): boolean {
  return peers.some((other) => other.peer === "block" && familyOfCidr(other.block) !== familyOfCidr(block));
}

/** The block as its author wrote it: a peer's `ipBlock.cidr`, or an item of `networks`. */
function writtenBlock(raw: unknown): string | undefined {
  if (typeof raw === "string") return raw;
  const block: unknown = typeof raw === "object" && raw !== null ? Reflect.get(raw, "ipBlock") : undefined;
  const text: unknown = typeof block === "object" && block !== null ? Reflect.get(block, "cidr") : undefined;
  return typeof text === "string" ? text : undefined;
}

/** Addresses of IPv6 have many spellings. */
function isSameAddress(text: string, block: Block["block"]): boolean {
  const [written = ""] = text.split("/");
  return parseIp(written) === addressOf(block);
}
