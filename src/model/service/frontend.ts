// Where clients reach a service on a node, and whom their connections go to.

import type { Cidr } from "#net/cidr.ts";
import { type Family, families, familyOf, type Ip } from "#net/ip.ts";
import type { Protocol } from "./protocol.ts";
import type { ServiceModel, ServicePort } from "./service.ts";
import type { SliceModel } from "./slice.ts";
import { type Target, type Targets, targetsOf, type Viewpoint } from "./target.ts";

/** The targets of new connections; without any they are refused, or left to other nodes without an answer. */
export type Choice = { readonly targets: readonly Target[]; readonly otherwise: "refuse" | "drop" };

/** What the address is: the service's own, one from outside, or the node's. */
export type FrontendKind = "cluster" | "external" | "balancer" | "node-port" | "host-port";

export type Frontend = {
  /** `shop/web`, or `pod shop/web-1` for a port of the host. */
  readonly service: string;
  /** What shares endpoints and clients' memory of them: `shop/web tcp/80 ipv4`. */
  readonly group: string;
  readonly kind: FrontendKind;
  readonly address: Ip;
  readonly protocol: Protocol;
  readonly port: number;
  /** For pods and the node itself. */
  readonly inside: Choice;
  /** For clients outside the cluster. */
  readonly outside: Choice;
  /** Whether endpoints see the addresses of clients outside. */
  readonly keepsSource: boolean;
  readonly affinitySeconds: number | undefined;
  readonly balance: "random" | "maglev";
  readonly directReturn: boolean;
  /** Undefined: for everybody. */
  readonly sourceRanges: readonly Cidr[] | undefined;
};

export type NodeSide = Viewpoint & {
  /** Where node ports and host ports are open. */
  readonly portAddresses: readonly Ip[];
};

/** All places where a service is reached: its own addresses, external ones, and its ports of the node. Conflicts are not looked for. */
export function frontendsOf(service: ServiceModel, slices: readonly SliceModel[], side: NodeSide): readonly Frontend[] {
  const own = new Set(service.addresses.map(familyOf));
  return service.ports.flatMap((port) => {
    const byFamily = new Map(
      families
        .filter((family) => own.has(family))
        .map((family) => [family, waysTo(service, port, family, slices, side)]),
    );
    return placesOf(service, port, side).flatMap(({ kind, address, at }) => {
      const ways = byFamily.get(familyOf(address));
      if (ways === undefined) return [];
      const isOwn = kind === "cluster";
      return [
        {
          ...{ service: service.name, group: ways.group, kind, address, protocol: port.protocol, port: at },
          inside: isOwn ? ways.cluster : ways.everywhere,
          outside: isOwn ? ways.cluster : ways.external,
          keepsSource: !isOwn && service.externalLocal,
          affinitySeconds: service.affinitySeconds,
          balance: service.balance,
          directReturn: !isOwn && service.directReturn,
          sourceRanges: kind === "balancer" ? service.sourceRanges : undefined,
        },
      ];
    });
  });
}

type Place = { readonly kind: FrontendKind; readonly address: Ip; readonly at: number };

function placesOf(service: ServiceModel, { port, nodePort }: ServicePort, side: NodeSide): readonly Place[] {
  const at = (kind: FrontendKind, port: number) => (address: Ip) => ({ kind, address, at: port });
  const external = new Set(service.externalAddresses);
  return [
    ...service.addresses.map(at("cluster", port)),
    ...service.externalAddresses.map(at("external", port)),
    ...service.balancerAddresses.filter((address) => !external.has(address)).map(at("balancer", port)),
    ...(nodePort === 0 ? [] : side.portAddresses.map(at("node-port", nodePort))),
  ];
}

type Ways = {
  readonly group: string;
  readonly cluster: Choice;
  readonly everywhere: Choice;
  readonly external: Choice;
};

function waysTo(
  { name, internalLocal, externalLocal }: ServiceModel,
  port: ServicePort,
  family: Family,
  slices: readonly SliceModel[],
  side: NodeSide,
): Ways {
  const targets = targetsOf(port, family, slices, side);
  const everywhere: Choice = { targets: targets.everywhere, otherwise: "refuse" };
  const local = localChoice(targets);
  return {
    group: `${name} ${port.protocol}/${port.port} ${family}`,
    cluster: internalLocal ? local : everywhere,
    // Pods that call their own cluster's outer address are not bound by the policy for the outside.
    everywhere,
    external: externalLocal ? local : everywhere,
  };
}

/** Where others could answer, this node says nothing; where nobody can, it says so. */
function localChoice({ local, any }: Targets): Choice {
  return { targets: local, otherwise: any ? "drop" : "refuse" };
}

/** Names the place of a frontend: `10.96.0.20 tcp 80`. */
export function placeOf({ address, protocol, port }: Pick<Frontend, "address" | "protocol" | "port">): string {
  return `${address} ${protocol} ${port}`;
}

/** `cluster tcp 10.96.0.20:80 → 10.244.1.7:8080, 10.244.2.8:8080; maglev` */
export function formatFrontend(frontend: Frontend): string {
  const { kind, address, protocol, port, inside, outside, affinitySeconds, sourceRanges } = frontend;
  const [text, textOutside] = [formatChoice(inside), formatChoice(outside)];
  const notes = [
    ...(text === textOutside ? [] : [`from outside ${textOutside}`]),
    ...(frontend.keepsSource ? ["keeps the source"] : []),
    ...(frontend.balance === "maglev" ? ["maglev"] : []),
    ...(frontend.directReturn ? ["returns directly"] : []),
    ...(affinitySeconds === undefined ? [] : [`clients stay ${affinitySeconds} s`]),
    ...(sourceRanges === undefined ? [] : [`only for ${sourceRanges.join(", ") || "nobody"}`]),
  ];
  return [`${kind} ${protocol} ${formatPlace(address, port)} → ${text}`, ...notes].join("; ");
}

function formatChoice({ targets, otherwise }: Choice): string {
  return targets.length === 0 ? otherwise : targets.map(({ address, port }) => formatPlace(address, port)).join(", ");
}

/** `10.96.0.20:80`, `[fd00::20]:80` */
export function formatPlace(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}
