// Who takes part in a probe: pods, nodes and the client outside as sources; pods, services and the internet as destinations.

import type { Pod, Service } from "#kube/kinds.ts";
import { internetAddress, internetName } from "#lab/fabric/addresses.ts";
import { echoPort, webPort } from "#lab/internet/ports.ts";
import { familiesOf, type LabFamily } from "#lab/spec.ts";
import { type Family, familyOf, parseIp } from "#net/ip.ts";

export type ProbeProtocol = "tcp" | "udp";

export type Source = {
  /** `shop/frontend-5d9c-x7k2p`, `node1`, `client`. */
  readonly name: string;
  /** `shop/frontend-x7k2p`: a name for people, without what all pods of its workload have in common. */
  readonly short: string;
  /** What it is one of: its workload, `nodes`, `client`. */
  readonly group: string;
  readonly kind: "pod" | "node" | "client";
  readonly labels: Readonly<Record<string, string>>;
};

export type Destination = {
  readonly name: string;
  readonly short: string;
  readonly group: string;
  readonly kind: "pod" | "service" | "internet";
  readonly labels: Readonly<Record<string, string>>;
  readonly protocol: ProbeProtocol;
  readonly port: number;
  /** Of a pod that is called by this family, and by another one, too. */
  readonly family?: Family;
  /** How each kind of source calls it; absent: it has no way to. */
  readonly hosts: Readonly<Partial<Record<Source["kind"], Host>>>;
};

/** A name or an address; the port where it is not the destination's own. */
export type Host = { readonly host: string; readonly port?: number };

export function podSource({ metadata }: Pod): Source {
  const { namespace = "", name } = metadata;
  const group = `${namespace}/${workloadOf({ metadata })}`;
  const hash = metadata.labels?.[templateHash];
  const short = hash === undefined ? `${namespace}/${name}` : `${group}${name.slice(name.lastIndexOf("-"))}`;
  return { name: `${namespace}/${name}`, short, group, kind: "pod", labels: metadata.labels ?? {} };
}

export function nodeSource(name: string): Source {
  return { name, short: name, group: "nodes", kind: "node", labels: {} };
}

export const clientSource: Source = { name: "client", short: "client", group: "client", kind: "client", labels: {} };

/** A pod's declared ports at each of its addresses. `isRouted`: the network outside of the nodes knows the way to pods. */
export function podDestinations(pod: Pod, isRouted: boolean): readonly Destination[] {
  const hosts = (pod.status?.podIPs ?? []).flatMap(({ ip = "" }) => parseIp(ip) ?? []);
  const ports = (pod.spec?.containers ?? []).flatMap(({ ports = [] }) => ports);
  const { name, short, group, labels } = podSource(pod);
  const isOutside = isRouted || pod.spec?.hostNetwork === true;
  return ports.flatMap(({ containerPort: port, protocol = "TCP" }) => {
    const known = protocols[protocol];
    if (known === undefined) return [];
    return hosts.map((host) => ({
      ...({ name, short, group, kind: "pod", labels, protocol: known, port } as const),
      ...(hosts.length > 1 ? { family: familyOf(host) } : {}),
      hosts: { pod: { host }, node: { host }, ...(isOutside ? { client: { host } } : {}) },
    }));
  });
}

/**
 * A service's ports: by name for pods, which ask cluster DNS; by address for nodes, which do not; through an external address or a
 * port of `nodeAddress` for the client.
 */
export function serviceDestinations(
  { metadata, spec, status }: Service,
  nodeAddress: string | undefined,
): readonly Destination[] {
  const name = `${metadata.namespace}/${metadata.name}`;
  if (spec === undefined || spec.type === "ExternalName") return [];
  const address = spec.clusterIP === "None" || spec.clusterIP === undefined ? undefined : spec.clusterIP;
  const external = [...(spec.externalIPs ?? []), ...(status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip)].find(
    (each) => each !== undefined,
  );
  return (spec.ports ?? []).flatMap(({ port, nodePort, protocol = "TCP" }) => {
    const known = protocols[protocol];
    if (known === undefined) return [];
    const throughNode =
      nodePort === undefined || nodeAddress === undefined ? undefined : { host: nodeAddress, port: nodePort };
    const client = external === undefined ? throughNode : { host: external };
    const hosts = {
      pod: { host: `${metadata.name}.${metadata.namespace}` },
      ...(address === undefined ? {} : { node: { host: address } }),
      ...(client === undefined ? {} : { client }),
    };
    const shared = { name, short: name, group: name, kind: "service", labels: metadata.labels ?? {} } as const;
    return [{ ...shared, protocol: known, port, hosts }];
  });
}

/** The web server by its name and the echo by its address: from pods through cluster DNS. */
export function internetDestinations(labFamily: LabFamily): readonly Destination[] {
  const [family = "ipv4"] = familiesOf(labFamily);
  const address = { host: internetAddress[family] };
  const shared = {
    name: internetName,
    short: internetName,
    group: internetName,
    kind: "internet",
    labels: {},
  } as const;
  return [
    {
      ...shared,
      protocol: "tcp",
      port: webPort,
      hosts: { pod: { host: internetName }, node: address, client: address },
    },
    { ...shared, protocol: "udp", port: echoPort, hosts: { pod: address, node: address, client: address } },
  ];
}

const protocols: Readonly<Record<string, ProbeProtocol>> = { TCP: "tcp", UDP: "udp" };
const templateHash = "pod-template-hash";

/** The name of what made the pod: its Deployment, StatefulSet, Job …; its own name when nobody did. */
function workloadOf({ metadata }: Pick<Pod, "metadata">): string {
  const owner = (metadata.ownerReferences ?? []).find(({ controller }) => controller === true);
  if (owner === undefined) return metadata.name;
  const hash = metadata.labels?.[templateHash];
  return owner.kind === "ReplicaSet" && hash !== undefined ? withoutEnd(owner.name, `-${hash}`) : owner.name;
}

function withoutEnd(text: string, end: string): string {
  return text.endsWith(end) ? text.slice(0, -end.length) : text;
}
