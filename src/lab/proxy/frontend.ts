// Where clients reach a service on this node, and what becomes of their connections.

import type { EndpointSlice, Service } from "#kube/kinds.ts";
import { familyOf, type Ip, parseIp } from "#net/ip.ts";
import { type Target, type Targets, targetsOf } from "./endpoint.ts";
import type { NodeSide } from "./node-side.ts";

export type Protocol = "tcp" | "udp" | "sctp";

/** What becomes of a new connection: it goes to one of the targets, is answered that nobody is there, or vanishes. */
export type Verdict = readonly Target[] | "refuse" | "drop";

export type Frontend = {
  readonly address: Ip;
  readonly protocol: Protocol;
  readonly port: number;
  readonly verdict: Verdict;
  /** For clients outside the cluster, where it differs. */
  readonly outside?: Verdict;
  /** Whether the address is the service's own: then nobody is at its other ports. */
  readonly own: boolean;
  /** Whether the target sees this node as its client, so that its answers come back this way. */
  readonly masquerade: boolean;
  /** For how long a client keeps its target; undefined: every connection is for itself. */
  readonly affinitySeconds?: number;
};

const protocols: Readonly<Record<string, Protocol>> = { TCP: "tcp", UDP: "udp", SCTP: "sctp" };
/** Kubernetes' own default (ServiceSpec.sessionAffinityConfig). */
const defaultAffinitySeconds = 10_800;
/** A service with this label is somebody else's. */
const otherProxy = "service.kubernetes.io/service-proxy-name";

type Reached = { readonly address: Ip; readonly port: number; readonly from: "inside" | "outside" };

/** All places where a service is reached: its own addresses, external ones, and its ports of the node. None for a headless one. */
export function frontendsOf(service: Service, slices: readonly EndpointSlice[], side: NodeSide): readonly Frontend[] {
  const { spec, metadata } = service;
  if (spec === undefined || spec.type === "ExternalName" || otherProxy in (metadata.labels ?? {})) return [];
  const own = addresses(spec.clusterIPs ?? [spec.clusterIP ?? ""]).filter((address) => !side.answered.has(address));
  // `None`, or an address that is not given yet.
  if (own.length === 0) return [];
  const external = addresses([...(spec.externalIPs ?? []), ...balancerAddresses(service)]);
  const affinitySeconds =
    spec.sessionAffinity === "ClientIP"
      ? { affinitySeconds: spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds }
      : {};
  return (spec.ports ?? []).flatMap((servicePort) => {
    const { protocol: name = "TCP", port, nodePort = 0 } = servicePort;
    const protocol = protocols[name];
    if (protocol === undefined) return [];
    const targets = {
      ipv4: targetsOf(servicePort, "ipv4", slices, side.node),
      ipv6: targetsOf(servicePort, "ipv6", slices, side.node),
    };
    const families = new Set(own.map(familyOf));
    const places: readonly Reached[] = [
      ...own.map((address) => ({ address, port, from: "inside" as const })),
      ...external.map((address) => ({ address, port, from: "outside" as const })),
      ...(nodePort === 0 ? [] : side.addresses).map((address) => ({
        address,
        port: nodePort,
        from: "outside" as const,
      })),
    ];
    return places
      .filter(({ address }) => families.has(familyOf(address)))
      .map(({ address, port: at, from }) => ({
        ...{ address, protocol, port: at, own: from === "inside" },
        ...behaviour(spec, targets[familyOf(address)], from),
        ...affinitySeconds,
      }));
  });
}

function behaviour(
  { internalTrafficPolicy, externalTrafficPolicy }: NonNullable<Service["spec"]>,
  { everywhere, local }: Targets,
  from: Reached["from"],
): Pick<Frontend, "verdict" | "outside" | "masquerade"> {
  if (everywhere.length === 0) return { verdict: "refuse", masquerade: false };
  const nearest = local.length === 0 ? "drop" : local;
  if (from === "inside") {
    return { verdict: internalTrafficPolicy === "Local" ? nearest : everywhere, masquerade: false };
  }
  // Pods that call their own cluster's outer address are not bound by the policy for the outside.
  return externalTrafficPolicy === "Local"
    ? { verdict: everywhere, outside: nearest, masquerade: false }
    : { verdict: everywhere, masquerade: true };
}

/** Those that the balancer hands on unchanged; with mode Proxy it keeps them for itself (KEP 1860). */
function balancerAddresses({ status }: Service): readonly string[] {
  const ingress: readonly { readonly ip?: string; readonly ipMode?: string }[] = status?.loadBalancer?.ingress ?? [];
  return ingress.filter(({ ipMode }) => ipMode !== "Proxy").map(({ ip = "" }) => ip);
}

function addresses(texts: readonly string[]): readonly Ip[] {
  return [...new Set(texts.map(parseIp).filter((address) => address !== undefined))];
}

/** `tcp 10.96.0.20:80 → 10.244.1.7:8080, 10.244.2.8:8080; masquerade` */
export function formatFrontend({ address, protocol, port, ...rest }: Frontend): string {
  const { verdict, outside, masquerade, affinitySeconds } = rest;
  const notes = [
    ...(outside === undefined ? [] : [`from outside ${formatVerdict(outside)}`]),
    ...(masquerade ? ["masquerade"] : []),
    ...(affinitySeconds === undefined ? [] : [`clients stay ${affinitySeconds} s`]),
  ];
  return [`${protocol} ${place(address, port)} → ${formatVerdict(verdict)}`, ...notes].join("; ");
}

function formatVerdict(verdict: Verdict): string {
  return typeof verdict === "string" ? verdict : verdict.map(({ address, port }) => place(address, port)).join(", ");
}

function place(address: Ip, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
