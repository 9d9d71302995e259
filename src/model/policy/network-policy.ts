// NetworkPolicies as policies: the one translation from networking.k8s.io/v1.

import type { NetworkPolicyPeer, NetworkPolicyPort } from "kubernetes-types/networking/v1";
import type { NetworkPolicy } from "#kube/kinds.ts";
import {
  type Direction,
  type Fault,
  networkTier,
  type Origin,
  type Peer,
  type Policy,
  type PortMatch,
  type Protocol,
  type Rule,
} from "./rule.ts";
import { impossible, readBlock, readList, readSelector } from "./written.ts";

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
  const faults: Fault[] = [];
  const fault = (path: string, why: string) => faults.push({ origin: { ...origin, path }, why });
  const ingress = readList(spec?.ingress, (why) => fault("spec.ingress", why));
  const egress = readList(spec?.egress, (why) => fault("spec.egress", why));
  const types = readList(spec?.policyTypes, (why) => fault("spec.policyTypes", why));
  for (const [index, type] of types.entries()) {
    if (type !== "Ingress" && type !== "Egress")
      fault(`spec.policyTypes[${index}]`, `"${type}" is neither Ingress nor Egress`);
  }
  const subject = readSelector(spec?.podSelector);
  if (subject === undefined) fault("spec.podSelector", "it cannot be read, so the policy is about no pod");
  const isolates = directionsOf(types, egress.length > 0);
  const at = (path: string): Origin => ({ ...origin, path });
  const rules = [
    ...ingress.map((rule, index) => toRule("ingress", rule, rule?.from, at(`spec.ingress[${index}]`))),
    ...egress.map((rule, index) => toRule("egress", rule, rule?.to, at(`spec.egress[${index}]`))),
  ];
  return {
    origin,
    tier: networkTier,
    order: 0,
    // A subject that cannot be understood selects nothing: to isolate a whole namespace by mistake would be worse.
    subject: { namespaces: { name: origin.namespace }, pods: subject ?? impossible },
    isolates,
    // A rule of a direction that the policy is not about says nothing.
    rules: rules.filter(({ direction }) => isolates.includes(direction)),
    faults,
  };
}

/** Without types: ingress always, egress where there are rules for it (NetworkPolicySpec, policyTypes). */
function directionsOf(types: readonly string[], hasEgress: boolean): readonly Direction[] {
  if (types.length === 0) return hasEgress ? ["ingress", "egress"] : ["ingress"];
  const named = (["ingress", "egress"] as const).filter((direction) =>
    types.some((type) => String(type).toLowerCase() === direction),
  );
  // Types of which none is one leave what no types mean.
  return named.length > 0 ? named : ["ingress"];
}

function toRule(
  direction: Direction,
  written: { readonly ports?: readonly NetworkPolicyPort[] } | null,
  peers: readonly NetworkPolicyPeer[] | undefined,
  origin: Origin,
): Rule {
  if (typeof written !== "object" || Array.isArray(written)) {
    const nothing: Peer = { peer: "nothing", why: "it is no rule with fields", origin };
    return { direction, action: "allow", peers: [nothing], ports: undefined, origin, title: "" };
  }
  const list = direction === "ingress" ? "from" : "to";
  const at = (path: string): Origin => ({ ...origin, path: `${origin.path}.${path}` });
  return {
    direction,
    action: "allow",
    peers: itemsOf(peers, list, at, toPeer, (place) => ({ peer: "nothing", why: "it is no list", origin: place })),
    ports: itemsOf(written?.ports, "ports", at, toPort, (place) => ({
      match: "nothing",
      why: "it is no list",
      origin: place,
    })),
    origin,
    title: "",
  };
}

/** Undefined for an empty list, as for none: everybody, and everything. */
function itemsOf<T, R>(
  items: readonly T[] | undefined,
  name: string,
  at: (path: string) => Origin,
  read: (item: T, origin: Origin) => R,
  wrong: (origin: Origin) => R,
): readonly R[] | undefined {
  if (items === undefined || items === null) return undefined;
  if (!Array.isArray(items)) return [wrong(at(name))];
  const list: readonly (T | null)[] = items;
  // An item that is written and empty is one without fields.
  return list.length === 0 ? undefined : list.map((item, index) => read(item ?? ({} as T), at(`${name}[${index}]`)));
}

function toPeer(peer: NetworkPolicyPeer, origin: Origin): Peer {
  // A field without a value is none.
  const podSelector = peer.podSelector ?? undefined;
  const namespaceSelector = peer.namespaceSelector ?? undefined;
  const ipBlock = peer.ipBlock ?? undefined;
  const nothing = (why: string): Peer => ({ peer: "nothing", why, origin });
  if (ipBlock !== undefined) {
    if (podSelector !== undefined || namespaceSelector !== undefined)
      return nothing("ipBlock stands beside a selector");
    const block = readBlock(ipBlock.cidr);
    if (block === undefined) return nothing(`"${ipBlock.cidr}" is no block of addresses like 10.0.0.0/8`);
    const except = ipBlock.except ?? [];
    if (!Array.isArray(except)) return nothing("its except is no list");
    const holes = except.map((text: string) => ({ text, block: readBlock(text) }));
    const wrong = holes.find((hole) => hole.block === undefined);
    if (wrong !== undefined) return nothing(`"${wrong.text}" is no block of addresses to except`);
    return { peer: "block", block, except: holes.flatMap((hole) => hole.block ?? []), origin };
  }
  if (podSelector === undefined && namespaceSelector === undefined) return nothing("it names nobody");
  const pods = readSelector(podSelector);
  const namespaces = namespaceSelector === undefined ? undefined : readSelector(namespaceSelector);
  if (pods === undefined || (namespaceSelector !== undefined && namespaces === undefined)) {
    return nothing("its selector cannot be read");
  }
  // A pod selector alone means the policy's own namespace.
  const choice = namespaces === undefined ? { name: origin.namespace } : { labels: namespaces };
  return { peer: "pods", namespaces: choice, pods, origin };
}

function toPort(written: NetworkPolicyPort, origin: Origin): PortMatch {
  const protocol = written.protocol ?? "TCP";
  const port = written.port ?? undefined;
  const endPort = written.endPort ?? undefined;
  const nothing = (why: string): PortMatch => ({ match: "nothing", why, origin });
  const known = protocols[protocol];
  if (known === undefined) return nothing(`"${protocol}" is no protocol that policies know: TCP, UDP or SCTP`);
  if (port === undefined) {
    return endPort === undefined ? { match: "all", protocol: known, origin } : nothing("endPort stands without port");
  }
  if (typeof port === "string") {
    if (/^\d+$/.test(port)) return nothing(`"${port}" in quotes is a name, and no port can be called so`);
    return endPort === undefined
      ? { match: "name", protocol: known, name: port, origin }
      : nothing("endPort stands beside a named port");
  }
  const last = endPort ?? port;
  if (last < port) return nothing(`endPort ${last} is below port ${port}`);
  if (port < 1 || last > maxPort)
    return nothing(`${last === port ? port : `${port} to ${last}`} is beyond the ports, which are 1 to ${maxPort}`);
  return { match: "range", protocol: known, from: port, to: last, origin };
}
