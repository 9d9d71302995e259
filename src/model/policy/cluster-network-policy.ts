// ClusterNetworkPolicies as policies: the one translation from policy.networking.k8s.io.

import type { ClusterPeer, ClusterProtocol, ClusterRule, NamespacedPod } from "#kube/cluster-network-policy.ts";
import type { ClusterNetworkPolicy } from "#kube/kinds.ts";
import type { LabelSelectorObject } from "#kube/selector.ts";
import {
  type Action,
  adminTier,
  baselineTier,
  type Direction,
  type Fault,
  type Origin,
  type Peer,
  type PodChoice,
  type Policy,
  type PortMatch,
  type Protocol,
  type Rule,
  type Tier,
} from "./rule.ts";
import { impossible, readBlock, readList, readSelector } from "./written.ts";

const tiers: Readonly<Record<string, Tier>> = { Admin: adminTier, Baseline: baselineTier };
const actions: Readonly<Record<string, Action>> = { Accept: "allow", Deny: "deny", Pass: "pass" };
const maxPriority = 1_000;
const maxPort = 65_535;

/** Never throws: what cannot be understood allows nothing and closes what it is about, and says why. */
export function fromClusterNetworkPolicy({ metadata, spec }: ClusterNetworkPolicy): Policy {
  const origin: Origin = { kind: "ClusterNetworkPolicy", namespace: "", name: metadata.name, path: "" };
  const at = (path: string): Origin => ({ ...origin, path });
  const faults: Fault[] = [];
  const fault = (path: string, why: string) => void faults.push({ origin: at(path), why });

  const tier = tiers[spec?.tier ?? ""];
  if (tier === undefined)
    fault("spec.tier", `"${spec?.tier}" is neither Admin nor Baseline, so the policy is about no pod`);
  const { priority } = spec ?? {};
  const known = typeof priority === "number" && priority >= 0 && priority <= maxPriority;
  if (!known) fault("spec.priority", `${priority} is not 0 to ${maxPriority}, so it is asked last`);
  const subject = toSubject(spec?.subject);
  if (subject === undefined)
    fault("spec.subject", "it has not one of namespaces and pods that can be read, so the policy is about no pod");

  const ingress = readList(spec?.ingress, (why) => fault("spec.ingress", why));
  const egress = readList(spec?.egress, (why) => fault("spec.egress", why));
  return {
    origin,
    tier: tier ?? baselineTier,
    order: known ? priority : maxPriority,
    subject: (tier === undefined ? undefined : subject) ?? { namespaces: { labels: impossible }, pods: impossible },
    isolates: [],
    rules: [
      ...ingress.map((rule, i) => toRule("ingress", rule, rule?.from, at(`spec.ingress[${i}]`), faults)),
      ...egress.map((rule, i) => toRule("egress", rule, rule?.to, at(`spec.egress[${i}]`), faults)),
    ],
    faults,
  };
}

function toSubject(
  subject: { readonly namespaces?: LabelSelectorObject; readonly pods?: NamespacedPod } | undefined,
): PodChoice | undefined {
  const namespaces = subject?.namespaces ?? undefined;
  const pods = subject?.pods ?? undefined;
  if ((namespaces === undefined) === (pods === undefined)) return undefined;
  return toPods(pods ?? { namespaceSelector: namespaces ?? {}, podSelector: {} });
}

function toPods({ namespaceSelector, podSelector }: NamespacedPod): PodChoice | undefined {
  const namespaces = readSelector(namespaceSelector);
  const pods = podSelector === undefined || podSelector === null ? undefined : readSelector(podSelector);
  return namespaces === undefined || pods === undefined ? undefined : { namespaces: { labels: namespaces }, pods };
}

function toRule(
  direction: Direction,
  rule: ClusterRule,
  list: readonly ClusterPeer[] | undefined,
  origin: Origin,
  faults: Fault[],
): Rule {
  const at = (path: string): Origin => ({ ...origin, path: `${origin.path}.${path}` });
  const name = direction === "ingress" ? "from" : "to";
  const title = rule?.name ?? "";
  const action = actions[rule?.action ?? ""];
  if (action === undefined)
    faults.push({ origin: at("action"), why: `"${rule?.action}" is none of Accept, Deny and Pass` });

  const given = Array.isArray(list) && list.length > 0 ? list : undefined;
  const peers: readonly Peer[] = given?.flatMap((peer, i) => toPeers(direction, peer, at(`${name}[${i}]`))) ?? [
    { peer: "nothing", why: "it names nobody", origin: at(name) },
  ];
  const protocols = Array.isArray(rule?.protocols) ? rule.protocols : undefined;
  const ports = protocols?.map((protocol, i) => toPort(protocol, at(`protocols[${i}]`)));
  const unknownPeers = peers.flatMap((peer) =>
    peer.peer === "nothing" ? [{ origin: peer.origin, why: peer.why }] : [],
  );
  const unknownPorts = (ports ?? []).flatMap((port) =>
    port.match === "nothing" ? [{ origin: port.origin, why: port.why }] : [],
  );
  const base = { direction, origin, title };
  if (action === "allow") {
    // "For Accept rules, fail closed means: treat the rule as matching no traffic" (ClusterNetworkPolicyEgressPeer).
    const incompatible = given === undefined || given.some((peer) => fieldOf(direction, peer) === undefined);
    const understood = incompatible ? peers.filter((peer) => peer.peer === "nothing") : peers;
    return { ...base, action, peers: understood, ports };
  }
  // "For Deny and Pass rules, fail closed means: treat the rule as a 'Deny all' rule."
  if (action === undefined || unknownPeers.length > 0) {
    faults.push(
      ...[...unknownPeers, ...unknownPorts].map((each) => ({ ...each, why: `${each.why}: the rule denies all` })),
    );
    return { ...base, action: "deny", peers: undefined, ports: undefined };
  }
  if (unknownPorts.length > 0) {
    faults.push(...unknownPorts.map((each) => ({ ...each, why: `${each.why}: the rule denies all to its peers` })));
    return { ...base, action: "deny", peers, ports: undefined };
  }
  return { ...base, action, peers, ports };
}

const peerFields = {
  ingress: ["namespaces", "pods"],
  egress: ["namespaces", "pods", "nodes", "networks", "domainNames"],
} as const;

/** The one field that a peer has; undefined for another number of them, or one that the direction does not know. */
function fieldOf(direction: Direction, peer: ClusterPeer | null) {
  const written = writtenFields(peer);
  return written.length === 1 ? peerFields[direction].find((field) => field === written[0]) : undefined;
}

/** A field without a value is none. */
function writtenFields(value: object | null): readonly string[] {
  return Object.entries(value ?? {}).flatMap(([field, inner]) =>
    inner === null || inner === undefined ? [] : [field],
  );
}

/** A peer of networks is one for each of them. */
function toPeers(direction: Direction, peer: ClusterPeer, origin: Origin): readonly Peer[] {
  const nothing = (why: string): readonly Peer[] => [{ peer: "nothing", why, origin }];
  const selectorFault = "its selector cannot be read";
  switch (fieldOf(direction, peer)) {
    case undefined:
      return nothing(`it has not one of ${peerFields[direction].join(", ")}`);
    case "namespaces":
    case "pods": {
      const choice = toPods(peer.pods ?? { namespaceSelector: peer.namespaces ?? {}, podSelector: {} });
      return choice === undefined ? nothing(selectorFault) : [{ peer: "pods", ...choice, origin }];
    }
    case "nodes": {
      const labels = readSelector(peer.nodes);
      return labels === undefined ? nothing(selectorFault) : [{ peer: "nodes", labels, origin }];
    }
    case "domainNames":
      return nothing("names of domains are not supported");
    case "networks": {
      const { networks } = peer;
      if (!Array.isArray(networks) || networks.length === 0) return nothing("it has no networks");
      return networks.map((text: string, i): Peer => {
        const place = { ...origin, path: `${origin.path}.networks[${i}]` };
        const block = readBlock(text);
        if (block !== undefined) return { peer: "block", block, except: [], origin: place };
        return { peer: "nothing", why: `"${text}" is no block of addresses like 10.0.0.0/8`, origin: place };
      });
    }
  }
}

const protocolFields = ["tcp", "udp", "sctp", "destinationNamedPort"] as const;

function toPort(written: ClusterProtocol | null, origin: Origin): PortMatch {
  const nothing = (why: string): PortMatch => ({ match: "nothing", why, origin });
  const fields = writtenFields(written);
  const field = fields.length === 1 ? protocolFields.find((each) => each === fields[0]) : undefined;
  if (written === null || field === undefined) return nothing(`it has not one of ${protocolFields.join(", ")}`);
  if (field === "destinationNamedPort") {
    const name = written.destinationNamedPort ?? "";
    return name === "" ? nothing("it names no port") : { match: "name", protocol: undefined, name, origin };
  }
  const protocol: Protocol = field;
  const port = written[field]?.destinationPort;
  if (port === undefined || port === null) return { match: "all", protocol, origin };
  const { number, range } = port;
  if ((number === undefined) === (range === undefined))
    return nothing("destinationPort has not one of number and range");
  const from = number ?? range?.start ?? 0;
  const to = number ?? range?.end ?? 0;
  if (to < from) return nothing(`end ${to} is below start ${from}`);
  if (from < 1 || to > maxPort)
    return nothing(`${from === to ? from : `${from} to ${to}`} is beyond the ports, which are 1 to ${maxPort}`);
  return { match: "range", protocol, from, to, origin };
}
