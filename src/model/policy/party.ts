// The two ends of a connection, as policies see them.

import type { Pod } from "#kube/kinds.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import type { Protocol } from "./rule.ts";

export type Labels = Readonly<Record<string, string>>;

/** Of a namespace that has these of its own, as far as is known: Kubernetes gives every namespace its name as a label. */
export function labelsOfNamespace(name: string, own: Labels = {}): Labels {
  return { "kubernetes.io/metadata.name": name, ...own };
}

/** A port that a container declares; "" for one without a name. */
export type DeclaredPort = { readonly name: string; readonly protocol: Protocol; readonly port: number };

/** A pod with an address of its own. */
export type PodParty = {
  readonly party: "pod";
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly namespaceLabels: Labels;
  readonly addresses: readonly Ip[];
  readonly node: string | undefined;
  readonly ports: readonly DeclaredPort[];
  /** It stands for several pods of a workload: one of them is not the other. */
  readonly several?: true;
};

/** A node itself, and the pods that share its network: no policy of pods is about them. */
export type NodeParty = {
  readonly party: "node";
  readonly name: string;
  readonly labels: Labels;
  readonly addresses: readonly Ip[];
};

/** Anything else. */
export type AddressParty = {
  readonly party: "address";
  readonly addresses: readonly Ip[];
  /** What it is called; without it its addresses are its name. */
  readonly name?: string;
};

export type Party = PodParty | NodeParty | AddressParty;

/** A pod as a party; undefined for one that has ended or shares its node's network. */
export function podParty(pod: Pod, namespaceLabels: Labels): PodParty | undefined {
  const { metadata, spec, status } = pod;
  if (spec?.hostNetwork === true || status?.phase === "Succeeded" || status?.phase === "Failed") return undefined;
  const texts = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP];
  return {
    party: "pod",
    namespace: metadata.namespace ?? "default",
    name: metadata.name,
    labels: metadata.labels ?? {},
    namespaceLabels,
    addresses: texts.flatMap((text) => (text === undefined ? [] : (parseIp(text) ?? []))),
    node: spec?.nodeName,
    ports: declaredPorts(pod),
  };
}

/** What the containers of a pod declare, those of sidecars as well. */
export function declaredPorts({ spec }: Pod): readonly DeclaredPort[] {
  const sidecars = (spec?.initContainers ?? []).filter(({ restartPolicy }) => restartPolicy === "Always");
  return [...(spec?.containers ?? []), ...sidecars].flatMap(({ ports = [] }) =>
    ports.map(({ name = "", containerPort, protocol = "TCP" }) => ({
      name,
      port: containerPort,
      protocol: protocol.toLowerCase() as Protocol,
    })),
  );
}

/** Whether both are the same pod, which no policy keeps from itself. */
export function isOnePod(one: Party, other: Party | undefined): boolean {
  if (one.party !== "pod" || other?.party !== "pod" || one.several === true) return false;
  return one.namespace === other.namespace && one.name === other.name;
}

/** `shop/frontend-1`, `node node1`, `203.0.113.10` */
export function formatParty(party: Party): string {
  if (party.party === "pod") return `${party.namespace}/${party.name}`;
  if (party.party === "node") return `node ${party.name}`;
  return party.name ?? party.addresses.join(", ");
}
