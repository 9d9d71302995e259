// A slice of a service's endpoints as Twill sees it, and its translation from the Kubernetes object.

import type { EndpointSlice } from "#kube/kinds.ts";
import { type Family, familyOf, type Ip, parseIp } from "#net/ip.ts";
import { specialKind } from "#net/special.ts";
import { type Protocol, portOf, protocolOf } from "./protocol.ts";

export type SlicePort = { readonly name: string; readonly protocol: Protocol; readonly port: number };

/**
 * Whether an endpoint takes new connections: `ready` ones do, `draining` ones end and still serve, and are asked when no other is
 * there (EndpointSlice conditions, KEP 1669). All others take none, and are not kept.
 */
export type EndpointState = "ready" | "draining";

export type SliceEndpoint = {
  readonly address: Ip;
  readonly state: EndpointState;
  readonly node: string;
  /** Whom it is meant for; empty: no hint. */
  readonly zones: readonly string[];
  readonly nodes: readonly string[];
};

export type SliceModel = {
  /** Of the service that it belongs to: `shop/web`. */
  readonly service: string;
  readonly family: Family;
  readonly ports: readonly SlicePort[];
  readonly endpoints: readonly SliceEndpoint[];
};

/** The label by which a slice belongs to a service. */
export const serviceNameLabel = "kubernetes.io/service-name";

const families: Readonly<Record<string, Family>> = { IPv4: "ipv4", IPv6: "ipv6" };
/** Undefined for a slice of names, or of no service. */
export function toSliceModel(slice: EndpointSlice): SliceModel | undefined {
  const { metadata, addressType, ports, endpoints } = slice;
  const service = metadata.labels?.[serviceNameLabel];
  const family = families[addressType];
  if (service === undefined || family === undefined) return undefined;
  return {
    service: `${metadata.namespace ?? ""}/${service}`,
    family,
    ports: (ports ?? []).flatMap(toPort),
    endpoints: (endpoints ?? []).flatMap((endpoint) => toEndpoint(endpoint, family)),
  };
}

/** A port without a number means all ports, which no service has. */
function toPort({ name, protocol: word, port }: NonNullable<EndpointSlice["ports"]>[number]): readonly SlicePort[] {
  const protocol = protocolOf(word ?? "TCP");
  const number = portOf(port ?? 0);
  return protocol === undefined || number === undefined ? [] : [{ name: name ?? "", protocol, port: number }];
}

/** Since Kubernetes 1.34; the types are older. */
type Hints = EndpointSlice["endpoints"][number]["hints"] & { readonly forNodes?: readonly { readonly name: string }[] };

/**
 * All addresses of an endpoint lead to the same pod: the first is enough (EndpointSlice, "addresses"). One that every host has for itself
 * would lead whoever asks to the own: it is none, as the API says.
 */
function toEndpoint(endpoint: EndpointSlice["endpoints"][number], family: Family): readonly SliceEndpoint[] {
  const { addresses, conditions = {}, nodeName: node = "", hints } = endpoint;
  const address = parseIp(addresses[0] ?? "");
  const state = stateOf(conditions);
  if (address === undefined || familyOf(address) !== family || state === undefined) return [];
  if (specialKind(address) !== undefined) return [];
  const { forNodes = [] }: Hints = hints ?? {};
  return [{ address, state, node, zones: namesOf(hints?.forZones ?? []), nodes: namesOf(forNodes) }];
}

/** What is not said means true of `ready` and `serving`, and false of `terminating`. */
function stateOf({ ready, serving, terminating }: NonNullable<EndpointSlice["endpoints"][number]["conditions"]>) {
  if (ready ?? true) return "ready";
  return (serving ?? true) && (terminating ?? false) ? "draining" : undefined;
}

function namesOf(list: readonly { readonly name: string }[]): readonly string[] {
  return list.map(({ name }) => name);
}
