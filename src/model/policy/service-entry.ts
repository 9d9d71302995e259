// A service as explanations need it: where it is asked, and what it asks for in turn.

import type { ServicePort } from "kubernetes-types/core/v1";
import type { Service } from "#kube/kinds.ts";
import { type Ip, parseIp } from "#net/ip.ts";
import type { Labels } from "./party.ts";
import type { Protocol } from "./rule.ts";

export type ServiceEntry = {
  readonly namespace: string;
  readonly name: string;
  /** Empty for one whose endpoints somebody else writes. */
  readonly selector: Labels;
  /** Of the cluster, external, and of load balancers; none for a headless one. */
  readonly addresses: readonly Ip[];
  /** The name that it stands for, of type ExternalName. */
  readonly externalName: string | undefined;
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

export function serviceEntry({ metadata, spec, status }: Service): ServiceEntry {
  const balancers = (status?.loadBalancer?.ingress ?? []).map(({ ip }) => ip);
  const texts = [...(spec?.clusterIPs ?? [spec?.clusterIP]), ...(spec?.externalIPs ?? []), ...balancers];
  return {
    namespace: metadata.namespace ?? "default",
    name: metadata.name,
    selector: spec?.selector ?? {},
    addresses: texts.flatMap((text) => (text === undefined ? [] : (parseIp(text) ?? []))),
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
