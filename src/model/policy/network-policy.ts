// NetworkPolicies as policies: the one translation from networking.k8s.io/v1.

import type { LabelSelector as SelectorObject } from "kubernetes-types/meta/v1";
import type { NetworkPolicyPeer, NetworkPolicyPort } from "kubernetes-types/networking/v1";
import type { NetworkPolicy } from "#kube/kinds.ts";
import { type LabelSelector, selectorOf } from "#kube/selector.ts";
import { type Cidr, networkOf, parseIfAddr } from "#net/cidr.ts";
import type { Direction, Origin, Peer, Policy, PortMatch, Protocol, Rule } from "./rule.ts";

const protocols: Readonly<Record<string, Protocol>> = { TCP: "tcp", UDP: "udp", SCTP: "sctp" };
const maxPort = 65_535;

/** Never throws: what cannot be understood matches nothing, and says why. */
export function fromNetworkPolicy({ metadata, spec }: NetworkPolicy): Policy {
  const origin: Origin = {
    kind: "NetworkPolicy",
    namespace: metadata.namespace ?? "default",
    name: metadata.name,
    path: "",
  };
  const { podSelector = {}, ingress, egress, policyTypes } = spec ?? {};
  const isolates = directionsOf(policyTypes, egress !== undefined && egress !== null && egress.length > 0);
  const at = (path: string): Origin => ({ ...origin, path });
  const rules = [
    ...(ingress ?? []).map((rule, index) => toRule("ingress", rule.from, rule.ports, at(`spec.ingress[${index}]`))),
    ...(egress ?? []).map((rule, index) => toRule("egress", rule.to, rule.ports, at(`spec.egress[${index}]`))),
  ];
  const subject = labelsOf(podSelector);
  return {
    origin,
    tier: "network",
    order: 0,
    // A subject that cannot be understood selects nothing: to isolate a whole namespace by mistake would be worse.
    subject: { namespaces: { name: origin.namespace }, pods: subject ?? impossible },
    isolates,
    // A rule of a direction that the policy is not about says nothing.
    rules: rules.filter(({ direction }) => isolates.includes(direction)),
  };
}

/** No labels meet both. */
const impossible: LabelSelector = [
  { key: "a", operator: "Exists", values: [] },
  { key: "a", operator: "DoesNotExist", values: [] },
];

/** Without types: ingress always, egress where there are rules for it (NetworkPolicySpec, policyTypes). */
function directionsOf(types: readonly string[] | undefined, hasEgress: boolean): readonly Direction[] {
  if (types === undefined || types.length === 0) return hasEgress ? ["ingress", "egress"] : ["ingress"];
  return (["ingress", "egress"] as const).filter((direction) => types.some((type) => type.toLowerCase() === direction));
}

function toRule(
  direction: Direction,
  peers: readonly NetworkPolicyPeer[] | undefined,
  ports: readonly NetworkPolicyPort[] | undefined,
  origin: Origin,
): Rule {
  const list = direction === "ingress" ? "from" : "to";
  const at = (path: string): Origin => ({ ...origin, path: `${origin.path}.${path}` });
  return {
    direction,
    action: "allow",
    // An empty list is as none: everybody, and everything.
    peers:
      peers === undefined || peers === null || peers.length === 0
        ? undefined
        : peers.map((peer, index) => toPeer(peer, at(`${list}[${index}]`))),
    ports:
      ports === undefined || ports === null || ports.length === 0
        ? undefined
        : ports.map((port, index) => toPort(port, at(`ports[${index}]`))),
    origin,
  };
}

function toPeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, origin: Origin): Peer {
  const nothing = (why: string): Peer => ({ peer: "nothing", why, origin });
  if (ipBlock !== undefined) {
    if (podSelector !== undefined || namespaceSelector !== undefined)
      return nothing("ipBlock stands beside a selector");
    const block = toBlock(ipBlock.cidr);
    if (block === undefined) return nothing(`"${ipBlock.cidr}" is no block of addresses like 10.0.0.0/8`);
    const holes = (ipBlock.except ?? []).map((text) => ({ text, block: toBlock(text) }));
    const wrong = holes.find((hole) => hole.block === undefined);
    if (wrong !== undefined) return nothing(`"${wrong.text}" is no block of addresses to except`);
    return { peer: "block", block, except: holes.flatMap((hole) => hole.block ?? []), origin };
  }
  if (podSelector === undefined && namespaceSelector === undefined) return nothing("it names nobody");
  const pods = labelsOf(podSelector ?? {});
  const namespaces = namespaceSelector === undefined ? undefined : labelsOf(namespaceSelector);
  if (pods === undefined || (namespaceSelector !== undefined && namespaces === undefined)) {
    return nothing("its selector has an operator that there is not");
  }
  // A pod selector alone means the policy's own namespace.
  const choice = namespaces === undefined ? { name: origin.namespace } : { labels: namespaces };
  return { peer: "pods", namespaces: choice, pods, origin };
}

function toPort({ protocol = "TCP", port, endPort }: NetworkPolicyPort, origin: Origin): PortMatch {
  const nothing = (why: string): PortMatch => ({ match: "nothing", why, origin });
  const known = protocols[protocol];
  if (known === undefined) return nothing(`"${protocol}" is no protocol that policies know: TCP, UDP or SCTP`);
  if (port === undefined || port === null) {
    return endPort === undefined ? { match: "all", protocol: known, origin } : nothing("endPort stands without port");
  }
  if (typeof port === "string") {
    return endPort === undefined
      ? { match: "name", protocol: known, name: port, origin }
      : nothing("endPort stands beside a named port");
  }
  const last = endPort ?? port;
  if (port < 1 || last > maxPort || last < port) return nothing(`${port} to ${last} is no range of ports`);
  return { match: "range", protocol: known, from: port, to: last, origin };
}

function labelsOf(selector: SelectorObject): LabelSelector | undefined {
  try {
    return selectorOf(selector);
  } catch {
    return undefined;
  }
}

function toBlock(text: string | undefined): Cidr | undefined {
  const address = text?.includes("/") === true ? parseIfAddr(text) : undefined;
  return address === undefined ? undefined : networkOf(address);
}
