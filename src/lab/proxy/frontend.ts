// Where clients reach a service on this node of the lab, and what becomes of their connections: as its nftables table takes it.

import type { EndpointSlice, Service } from "#kube/kinds.ts";
import {
  type Choice,
  formatPlace,
  type Frontend as ModelFrontend,
  frontendsOf as modelFrontends,
} from "#model/service/frontend.ts";
import type { Protocol } from "#model/service/protocol.ts";
import { toServiceModel } from "#model/service/service.ts";
import { toSliceModel } from "#model/service/slice.ts";
import type { Target } from "#model/service/target.ts";
import type { Ip } from "#net/ip.ts";
import type { NodeSide } from "./node-side.ts";

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

/** All places where a service is reached: its own addresses, external ones, and its ports of the node. None for a headless one. */
export function frontendsOf(service: Service, slices: readonly EndpointSlice[], side: NodeSide): readonly Frontend[] {
  const model = toServiceModel(service, side.proxyName);
  const addresses = model?.addresses ?? [];
  if (model === undefined || addresses.length === 0) return [];
  const endpoints = slices.map((slice) => toSliceModel(slice)).filter((slice) => slice !== undefined);
  const view = { node: side.node, zone: undefined, portAddresses: side.addresses };
  return modelFrontends({ ...model, addresses }, endpoints, view).map(toTableFrontend);
}

function toTableFrontend(frontend: ModelFrontend): Frontend {
  const { kind, address, protocol, port, inside, outside, keepsSource, affinitySeconds } = frontend;
  const verdict = verdictOf(inside);
  // Without any endpoint all are told the same.
  const differs = verdict !== "refuse" && outside !== inside;
  return {
    ...{ address, protocol, port, verdict, own: kind === "cluster" },
    ...(differs ? { outside: verdictOf(outside) } : {}),
    masquerade: kind !== "cluster" && !keepsSource && verdict !== "refuse",
    ...(affinitySeconds === undefined ? {} : { affinitySeconds }),
  };
}

function verdictOf({ targets, otherwise }: Choice): Verdict {
  return targets.length === 0 ? otherwise : targets;
}

/** `tcp 10.96.0.20:80 → 10.244.1.7:8080, 10.244.2.8:8080; masquerade` */
export function formatFrontend({ address, protocol, port, ...rest }: Frontend): string {
  const { verdict, outside, masquerade, affinitySeconds } = rest;
  const notes = [
    ...(outside === undefined ? [] : [`from outside ${formatVerdict(outside)}`]),
    ...(masquerade ? ["masquerade"] : []),
    ...(affinitySeconds === undefined ? [] : [`clients stay ${affinitySeconds} s`]),
  ];
  return [`${protocol} ${formatPlace(address, port)} → ${formatVerdict(verdict)}`, ...notes].join("; ");
}

function formatVerdict(verdict: Verdict): string {
  return typeof verdict === "string"
    ? verdict
    : verdict.map(({ address, port }) => formatPlace(address, port)).join(", ");
}
