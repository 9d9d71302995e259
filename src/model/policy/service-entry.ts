// A service as explanations need it: where it is asked, and what it asks for in turn.

import type { ServicePort } from "kubernetes-types/core/v1";
import type { EndpointSlice, Service } from "#kube/kinds.ts";
import { directReturnAnnotation, otherProxyLabel, outerPlacesOf } from "#model/service/service.ts";
import { serviceNameLabel } from "#model/service/slice.ts";
import type { Cidr } from "#net/cidr.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import type { Labels } from "./party.ts";
import type { Protocol } from "./rule.ts";

export type ServiceEntry = {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** Empty for one whose endpoints somebody else writes. */
  readonly selector: Labels;
  /** Of a service without a selector. */
  readonly endpoints: readonly EndpointEntry[];
  /** Of the cluster, external, and what balancers hand on; none for a headless one. */
  readonly addresses: readonly Ip[];
  /** Those of the cluster. */
  readonly ownAddresses: readonly Ip[];
  /** Those that `sourceRanges` are about. */
  readonly balancerAddresses: readonly Ip[];
  /** A balancer's, which no node translates. */
  readonly keptAddresses: readonly Ip[];
  /** Undefined: for everybody. */
  readonly sourceRanges: readonly Cidr[] | undefined;
  /** Its name leads to the pods themselves, and no port is translated. */
  readonly headless: boolean;
  /** The name that it stands for, of type ExternalName. */
  readonly externalName: string | undefined;
  /** Pods are sent to backends of their own node only. */
  readonly localOnly: boolean;
  /** Clients outside are sent to backends of the node that they come through only. */
  readonly localOutside: boolean;
  /** Backends of other nodes see who is outside, and not the node that it came through. */
  readonly directReturn: boolean;
  /** Who serves it in the place of Twill. */
  readonly otherProxy: string | undefined;
  /** A client keeps its backend. */
  readonly sticky: boolean;
  readonly ports: readonly {
    readonly name: string;
    readonly protocol: Protocol;
    readonly port: number;
    /** A number, or the name of a port that the pods declare. */
    readonly target: number | string;
    /** On every node. */
    readonly nodePort: number | undefined;
  }[];
};

export type EndpointEntry = {
  readonly address: Ip;
  /** Of the service's port; "" for one without a name. */
  readonly portName: string;
  readonly protocol: Protocol;
  readonly port: number;
  readonly ready: boolean;
};

export function serviceEntry(service: Service, slices: readonly EndpointSlice[]): ServiceEntry {
  const { metadata, spec } = service;
  const { external, balancer, kept, sourceRanges } = outerPlacesOf(service);
  const own = readAddresses(spec?.clusterIPs ?? [spec?.clusterIP]);
  return {
    namespace: metadata.namespace ?? "default",
    name: metadata.name,
    labels: metadata.labels ?? {},
    selector: spec?.selector ?? {},
    endpoints: Object.keys(spec?.selector ?? {}).length > 0 ? [] : endpointsOf(service, slices),
    addresses: [...own, ...external, ...balancer],
    ownAddresses: own,
    balancerAddresses: balancer.filter((address) => !external.includes(address)),
    keptAddresses: kept,
    sourceRanges,
    headless: spec?.clusterIP === "None",
    localOnly: spec?.internalTrafficPolicy === "Local",
    localOutside: spec?.externalTrafficPolicy === "Local",
    directReturn: metadata.annotations?.[directReturnAnnotation] === "true",
    otherProxy: metadata.labels?.[otherProxyLabel],
    sticky: spec?.sessionAffinity === "ClientIP",
    externalName: spec?.type === "ExternalName" ? spec.externalName : undefined,
    ports: (spec?.ports ?? []).map(
      ({ name = "", port, protocol = "TCP", targetPort = port, nodePort }: ServicePort) => ({
        name,
        port,
        protocol: protocol.toLowerCase() as Protocol,
        target: targetPort,
        nodePort,
      }),
    ),
  };
}

function readAddresses(texts: readonly (string | undefined)[]): readonly Ip[] {
  return texts.flatMap((text) => (text === undefined ? [] : (parseIp(text) ?? [])));
}

function endpointsOf({ metadata }: Service, slices: readonly EndpointSlice[]): readonly EndpointEntry[] {
  const own = slices.filter(
    (slice) =>
      (slice.metadata.namespace ?? "default") === (metadata.namespace ?? "default") &&
      slice.metadata.labels?.[serviceNameLabel] === metadata.name,
  );
  return own.flatMap(({ endpoints = [], ports = [] }) =>
    endpoints.flatMap(({ addresses, conditions }) =>
      addresses.flatMap((text) => {
        const address = parseIp(text);
        return address === undefined
          ? []
          : ports.map(({ name = "", port = 0, protocol = "TCP" }) => ({
              ...{ address, portName: name, port, ready: conditions?.ready !== false },
              protocol: protocol.toLowerCase() as Protocol,
            }));
      }),
    ),
  );
}
