// A service as Twill sees it, and its translation from the Kubernetes object.

import type { Service } from "#kube/kinds.ts";
import { objectName } from "#kube/object.ts";
import { type Cidr, networkOf, parseIfAddr } from "#net/cidr.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import { specialKind } from "#net/special.ts";
import { type Protocol, portOf, protocolOf } from "./protocol.ts";

export type ServicePort = {
  /** As slices name it; empty for the only port of a service. */
  readonly name: string;
  readonly protocol: Protocol;
  readonly port: number;
  /** 0: the nodes have no port for it. */
  readonly nodePort: number;
};

export type ServiceModel = {
  /** `shop/web` */
  readonly name: string;
  /** RFC 3339, as the API server writes it: of two that want the same place, the older one has it. */
  readonly createdAt: string;
  /** Its own, of each family that it has. */
  readonly addresses: readonly Ip[];
  /** `spec.externalIPs` */
  readonly externalAddresses: readonly Ip[];
  /** What a balancer gave it and hands on unchanged. */
  readonly balancerAddresses: readonly Ip[];
  readonly ports: readonly ServicePort[];
  /** For how long a client keeps its endpoint; undefined: every connection is for itself. */
  readonly affinitySeconds: number | undefined;
  /** Clients inside the cluster reach endpoints of their own node only. */
  readonly internalLocal: boolean;
  /** Clients outside reach endpoints of the node that they ask only, and are seen with their own addresses. */
  readonly externalLocal: boolean;
  /** Whom the balancer's addresses are for; undefined: for everybody. */
  readonly sourceRanges: readonly Cidr[] | undefined;
  /** How an endpoint is chosen. */
  readonly balance: "random" | "maglev";
  /** Whether an endpoint's node answers clients itself. */
  readonly directReturn: boolean;
  /** Where a balancer asks whether this node has endpoints; 0: nowhere. */
  readonly healthCheckNodePort: number;
  /** What is left out of it, and why: a sentence each. */
  readonly faults: readonly string[];
};

/** `random`, unless it says `maglev`: the same clients reach the same endpoints from every node. */
const balanceAnnotation = "twill.dev/balance";
/** `true`: an endpoint's node answers clients outside by itself. Needs fabric mode `direct`. */
export const directReturnAnnotation = "twill.dev/direct-return";

/** Kubernetes' own default (ServiceSpec.sessionAffinityConfig). */
const defaultAffinitySeconds = 10_800;
/** A service with this label is somebody else's, whom it names. */
export const otherProxyLabel = "service.kubernetes.io/service-proxy-name";
/** One with this label is no proxy's, although it has an address. */
export const headlessLabel = "service.kubernetes.io/headless";
const maxPort = 65_535;

/**
 * Undefined for a service that nobody reaches by an address of its own: headless, another name, another proxy's, not given yet.
 * `proxyName` is what the label calls the proxy that asks; without one it serves what has no label.
 */
export function toServiceModel(service: Service, proxyName?: string): ServiceModel | undefined {
  const { metadata, spec } = service;
  const { labels = {} } = metadata;
  if (spec === undefined || spec.type === "ExternalName" || headlessLabel in labels) return undefined;
  if (labels[otherProxyLabel] !== proxyName) return undefined;
  // `None`, or an address that is not given yet.
  const addresses = parseAll(spec.clusterIPs ?? [spec.clusterIP ?? ""]);
  if (addresses.length === 0) return undefined;
  const name = objectName(service);
  const { [balanceAnnotation]: balance = "random", [directReturnAnnotation]: directReturn = "false" } =
    metadata.annotations ?? {};
  const { ports, faults } = readPorts(name, spec.ports ?? []);
  const isOpen = (spec.type ?? "ClusterIP") !== "ClusterIP" || (spec.externalIPs ?? []).length > 0;
  const outer = outerPlacesOf(service);
  return {
    name,
    createdAt: metadata.creationTimestamp ?? "",
    addresses,
    externalAddresses: outer.external,
    balancerAddresses: outer.balancer,
    ports,
    affinitySeconds:
      spec.sessionAffinity === "ClientIP"
        ? (spec.sessionAffinityConfig?.clientIP?.timeoutSeconds ?? defaultAffinitySeconds)
        : undefined,
    internalLocal: spec.internalTrafficPolicy === "Local",
    externalLocal: isOpen && spec.externalTrafficPolicy === "Local",
    sourceRanges: outer.sourceRanges,
    balance: balance === "maglev" ? "maglev" : "random",
    directReturn: directReturn === "true",
    healthCheckNodePort:
      isBalanced(service) && spec.externalTrafficPolicy === "Local" ? (spec.healthCheckNodePort ?? 0) : 0,
    faults: shared([
      ...[faults, outer.faults].flat(),
      ...wrongWord(name, balanceAnnotation, balance, ["random", "maglev"]),
      ...wrongWord(name, directReturnAnnotation, directReturn, ["true", "false"]),
    ]),
  };
}

/** Where a service is reached from outside of the cluster, beside ports of nodes. */
export type OuterPlaces = {
  readonly external: readonly Ip[];
  /** What a balancer hands on unchanged. */
  readonly balancer: readonly Ip[];
  /** What a balancer keeps for itself: no node translates these. */
  readonly kept: readonly Ip[];
  /** Whom `balancer` is for, where it is in none of the other lists; undefined: for everybody. */
  readonly sourceRanges: readonly Cidr[] | undefined;
  readonly faults: readonly string[];
};

/** Also of a service that has no address of its own yet. */
export function outerPlacesOf(service: Service): OuterPlaces {
  const { spec, status } = service;
  const name = objectName(service);
  // The status may be left over from a time when the service was of another type.
  const ingress = isBalanced(service) ? (status?.loadBalancer?.ingress ?? []) : [];
  // With mode Proxy the balancer keeps its address for itself (KEP 1860).
  const [kept, handedOn] = [true, false].map((isKept) =>
    ingress.filter(({ ipMode }) => (ipMode === "Proxy") === isKept).map(({ ip = "" }) => ip),
  );
  const external = readOuter(name, "external address", spec?.externalIPs ?? []);
  const balancer = readOuter(name, "balancer's address", handedOn ?? []);
  const ranges = readRanges(name, isBalanced(service) ? (spec?.loadBalancerSourceRanges ?? []) : []);
  return {
    external: external.addresses,
    balancer: balancer.addresses,
    kept: parseAll(kept ?? []),
    sourceRanges: ranges.blocks,
    faults: [...external.faults, ...balancer.faults, ...ranges.faults],
  };
}

function isBalanced({ spec }: Service): boolean {
  return spec?.type === "LoadBalancer";
}

type WrittenPort = NonNullable<NonNullable<Service["spec"]>["ports"]>[number];

function readPorts(service: string, written: readonly WrittenPort[]) {
  const ports: ServicePort[] = [];
  const faults: string[] = [];
  for (const { name = "", protocol: word = "TCP", port, nodePort = 0 } of written) {
    const protocol = protocolOf(word);
    if (protocol === undefined)
      faults.push(`Service ${service}: protocol ${word} of port ${port} is not TCP, UDP or SCTP, the port is left out`);
    else if (portOf(port) === undefined || nodePort < 0 || nodePort > maxPort)
      faults.push(`Service ${service}: ${word} port ${port} (node port ${nodePort}) is no port, it is left out`);
    else ports.push({ name, protocol, port, nodePort });
  }
  return { ports, faults };
}

/** Ranges that cannot be read admit nobody. */
function readRanges(service: string, texts: readonly string[]) {
  const read = texts.map((text) => ({ text, range: parseIfAddr(text.trim()) }));
  const faults = read
    .filter(({ range }) => range === undefined)
    .map(
      ({ text }) => `Service ${service}: loadBalancerSourceRanges has "${text}", which is no block: it admits nobody`,
    );
  const ranges = read.map(({ range }) => range).filter((range) => range !== undefined);
  return { blocks: texts.length === 0 ? undefined : [...new Set(ranges.map(networkOf))], faults };
}

/** An address that every host has for itself would take the host's own ports. */
function readOuter(service: string, what: string, texts: readonly string[]) {
  const kinds = parseAll(texts).map((address) => ({ address, kind: specialKind(address) }));
  const faults = kinds.flatMap(({ address, kind }) =>
    kind === undefined ? [] : [`Service ${service} is not served at its ${what} ${address}: that is ${kind}`],
  );
  return {
    addresses: shared(kinds.filter(({ kind }) => kind === undefined).map(({ address }) => address)),
    faults,
  };
}

function wrongWord(service: string, annotation: string, word: string, words: readonly string[]): readonly string[] {
  if (words.includes(word)) return [];
  return [`Service ${service}: annotation ${annotation} must be one of ${words.join(", ")}, found "${word}"`];
}

/** Most services have none of something. */
const none: readonly never[] = [];

function shared<T>(list: readonly T[]): readonly T[] {
  return list.length === 0 ? none : list;
}

function parseAll(texts: readonly string[]): readonly Ip[] {
  return texts.length === 0 ? none : [...new Set(texts.map(parseIp).filter((address) => address !== undefined))];
}
