// Whether the parts of a rule are about a connection, and if not why, in words.

import { type LabelSelector, matchesLabels, type Requirement } from "#kube/selector.ts";
import { contains, familyOfCidr } from "#net/cidr.ts";
import { type Family, familyOf } from "#net/ip.ts";
import { formatParty, type Labels, type Party, type PodParty } from "./party.ts";
import type { Origin, Peer, PodChoice, PortMatch, Protocol, Rule } from "./rule.ts";

/** What is sent; `port` is the destination's, undefined for protocols without. */
export type Traffic = {
  readonly protocol: Protocol;
  readonly port: number | undefined;
  /** Of ICMP; without it any type is meant that rules do not name. */
  readonly icmp?: { readonly type: number; readonly code: number };
};

/** Why a part of a rule does not match, in words; undefined when it does. */
export type Mismatch = string | undefined;

/** Everything about a rule that does not match, each with its place in the rule: `.from[0]: …`; none when the rule matches. */
export function mismatchesOf(
  { peers, ports, origin }: Rule,
  other: Party,
  destination: Party,
  traffic: Traffic,
): readonly string[] {
  const placed = (place: Origin, mismatch: Mismatch): Mismatch =>
    mismatch === undefined ? undefined : `${place.path.slice(origin.path.length)}: ${mismatch}`;
  const ofPeers = nearestFirst(peers ?? [], other).map((peer) => placed(peer.origin, peerMismatch(peer, other)));
  const ofPorts = (ports ?? []).map((port) => placed(port.origin, portMismatch(port, destination, traffic)));
  return [
    ...unlessOneMatches("its list of peers", peers, ofPeers),
    ...unlessOneMatches("its list of ports", ports, ofPorts),
  ];
}

/** A block that has the other end in it, and excepts it, ahead of hundreds that have nothing to do with it. */
function nearestFirst(peers: readonly Peer[], { addresses }: Party): readonly Peer[] {
  const isNear = (peer: Peer) => peer.peer === "block" && addresses.some((address) => contains(peer.block, address));
  return [...peers.filter(isNear), ...peers.filter((peer) => !isNear(peer))];
}

function unlessOneMatches(
  what: string,
  list: readonly unknown[] | undefined,
  mismatches: readonly Mismatch[],
): readonly string[] {
  if (list === undefined || mismatches.some((mismatch) => mismatch === undefined)) return [];
  return mismatches.length === 0 ? [`: ${what} is empty`] : mismatches.flatMap((mismatch) => mismatch ?? []);
}

/** Why a peer is not the other end. */
export function peerMismatch(peer: Peer, other: Party): Mismatch {
  switch (peer.peer) {
    case "nothing":
      return peer.why;
    case "pods":
      return other.party === "pod" ? choosesPod(peer, other) : `${formatParty(other)} is no pod`;
    case "nodes":
      return other.party === "node"
        ? labelMismatch(peer.labels, other.labels, `node ${other.name}`)
        : `${formatParty(other)} is no node`;
    case "world":
      return other.party === "address" ? undefined : `${formatParty(other)} is of the cluster`;
    case "block":
      return blockMismatch(peer, other);
  }
}

function blockMismatch({ block, except }: Extract<Peer, { readonly peer: "block" }>, other: Party): Mismatch {
  if (other.addresses.length === 0) return `${formatParty(other)} has no address that could be in ${block}`;
  const family = familyOfCidr(block);
  const own = other.addresses.filter((address) => familyOf(address) === family);
  if (own.length === 0) return `${block} is of another address family`;
  const inside = own.filter((address) => contains(block, address));
  if (inside.length === 0) return `${own.join(", ")} is not in ${block}`;
  const hole = except.find((each) => inside.every((address) => contains(each, address)));
  return hole === undefined ? undefined : `${inside.join(", ")} is in ${hole}, which is excepted`;
}

/** Whether a choice of pods has this one. */
export function isChosen({ namespaces, pods }: PodChoice, pod: PodParty): boolean {
  const isWithin =
    "name" in namespaces ? namespaces.name === pod.namespace : matchesLabels(namespaces.labels, pod.namespaceLabels);
  return isWithin && matchesLabels(pods, pod.labels);
}

/** Why a choice of pods does not have this one; undefined when it does. */
export function choosesPod({ namespaces, pods }: PodChoice, pod: PodParty): Mismatch {
  if ("name" in namespaces) {
    if (namespaces.name !== pod.namespace) return `${pod.namespace}/${pod.name} is not in namespace ${namespaces.name}`;
  } else {
    const mismatch = labelMismatch(namespaces.labels, pod.namespaceLabels, `namespace ${pod.namespace}`);
    if (mismatch !== undefined) return mismatch;
  }
  return labelMismatch(pods, pod.labels, `${pod.namespace}/${pod.name}`);
}

function labelMismatch(selector: LabelSelector, labels: Labels, whose: string): Mismatch {
  const failed = selector.find((requirement) => !matchesLabels([requirement], labels));
  return failed === undefined ? undefined : requirementWords(failed, labels, whose);
}

/** `label tier=web is missing on shop/cart-7`, `label tier is db and not web on shop/db-1` */
function requirementWords({ key, operator, values }: Requirement, labels: Labels, whose: string): string {
  const value = labels[key];
  switch (operator) {
    case "In":
      if (value !== undefined) return `label ${key} is ${value} and not ${values.join(" or ")} on ${whose}`;
      return `label ${key}=${values.join("|")} is missing on ${whose}`;
    case "NotIn":
      return `label ${key} is ${value} on ${whose}`;
    case "Exists":
      return `label ${key} is missing on ${whose}`;
    case "DoesNotExist":
      return `label ${key} is there on ${whose}`;
  }
}

/** Why ports are not those of the traffic; a name means what the destination's containers declare. */
function portMismatch(match: PortMatch, destination: Party, traffic: Traffic): Mismatch {
  const { protocol, port } = traffic;
  switch (match.match) {
    case "nothing":
      return match.why;
    case "all":
      return protocolMismatch(match.protocol, protocol);
    case "range": {
      if (match.protocol !== protocol) return protocolMismatch(match.protocol, protocol);
      if (port === undefined) return "no port is given";
      if (port >= match.from && port <= match.to) return undefined;
      return `port ${port} is not ${match.from === match.to ? match.from : `${match.from} to ${match.to}`}`;
    }
    case "name":
      return nameMismatch(match, destination, traffic);
    case "icmp":
      return icmpMismatch(match, destination, traffic);
  }
}

function protocolMismatch(wanted: Protocol, actual: Protocol): Mismatch {
  return wanted === actual ? undefined : `${formatProtocol(actual)} is not ${formatProtocol(wanted)}`;
}

/** `tcp`, or `protocol 47` for one that has no name here. */
export function formatProtocol(protocol: Protocol): string {
  return typeof protocol === "number" ? `protocol ${protocol}` : protocol;
}

function nameMismatch(
  match: Extract<PortMatch, { readonly match: "name" }>,
  destination: Party,
  { protocol, port }: Traffic,
): Mismatch {
  if (match.protocol !== undefined && match.protocol !== protocol) return protocolMismatch(match.protocol, protocol);
  if (destination.party !== "pod") return `port ${match.name} is a name, which only pods have`;
  const named = destination.ports.filter((declared) => declared.name === match.name && declared.protocol === protocol);
  if (named.length === 0)
    return `no container of ${formatParty(destination)} declares a port ${match.name} of ${formatProtocol(protocol)}`;
  if (named.some((declared) => declared.port === port)) return undefined;
  return `port ${port} is not ${match.name}, which is ${named.map((declared) => declared.port).join(" or ")}`;
}

function icmpMismatch(
  { family, type, code }: Extract<PortMatch, { readonly match: "icmp" }>,
  destination: Party,
  { protocol, icmp }: Traffic,
): Mismatch {
  if (protocol !== "icmp") return protocolMismatch("icmp", protocol);
  if (family !== undefined && !destination.addresses.some((address) => familyOf(address) === family))
    return `it is for ICMP of ${formatFamily(family)}`;
  if (icmp?.type !== type) return `type ${icmp?.type ?? "any"} is not ${type}`;
  return code === undefined || code === icmp.code ? undefined : `code ${icmp.code} is not ${code}`;
}

function formatFamily(family: Family): string {
  return family === "ipv4" ? "IPv4" : "IPv6";
}
