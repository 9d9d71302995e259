// Traps that policies fall into, as warnings with their place.

import type { NetworkPolicy } from "#kube/kinds.ts";
import { contains } from "#net/cidr.ts";
import { choosesPod, peerMismatch } from "./match.ts";
import { faultsOf, formatOrigin, type Origin, type Policy } from "./rule.ts";
import type { World } from "./world.ts";

export type Warning = {
  readonly rule: string;
  readonly origin: Origin;
  readonly message: string;
};

const dnsPort = 53;

/** All warnings about the policies of a world, in their order. `sources` are the objects as they were written. */
export function lint(world: World, sources: readonly NetworkPolicy[]): readonly Warning[] {
  const written = new Map(
    sources.map((source) => [keyOf(source.metadata.namespace ?? "default", source.metadata.name), source]),
  );
  return world.policies.flatMap((policy) =>
    lintPolicy(policy, world, written.get(keyOf(policy.origin.namespace, policy.origin.name))),
  );
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}/${name}`;
}

function lintPolicy(policy: Policy, world: World, source: NetworkPolicy | undefined): readonly Warning[] {
  const { origin, subject, rules, isolates } = policy;
  const warnings: Warning[] = [];
  const warn = (rule: string, message: string, path = "") =>
    warnings.push({ rule, message, origin: { ...origin, path } });
  for (const { origin: place, why } of faultsOf(policy))
    warn("matches-nothing", `${why}: this part matches nothing`, place.path);

  const subjects = world.pods.filter((pod) => choosesPod(subject, pod) === undefined);
  if (world.pods.length > 0 && subjects.length === 0)
    warn("selects-nothing", "its podSelector selects no pod", "spec.podSelector");
  // Without rules that is what it is for.
  if (subject.pods.length === 0 && rules.length > 0)
    warn("selects-all", `it is about every pod of namespace ${origin.namespace}`, "spec.podSelector");
  const types = source?.spec?.policyTypes;
  if (types === undefined || types.length === 0) {
    warn("types-missing", `policyTypes is missing and means ${isolates.join(" and ")}: say it`, "spec.policyTypes");
    if (source?.spec?.egress?.length === 0) {
      warn(
        "empty-egress",
        "egress is empty, which without policyTypes means nothing: add Egress to policyTypes to deny it",
        "spec.egress",
      );
    }
  }
  for (const rule of rules) {
    const pathOf = (index: number) => `${rule.origin.path}.${rule.direction === "ingress" ? "from" : "to"}[${index}]`;
    const items = rule.peers ?? [];
    const alone = items.findIndex(
      (peer) => peer.peer === "pods" && "labels" in peer.namespaces && peer.pods.length === 0,
    );
    const beside = items.findIndex((peer) => peer.peer === "pods" && "name" in peer.namespaces);
    if (alone >= 0 && beside >= 0) {
      warn(
        "or-not-and",
        "a namespaceSelector and a podSelector stand in two items, which means either of them: write one item to mean both",
        pathOf(Math.max(alone, beside)),
      );
    }
    for (const [index, peer] of items.entries()) {
      if (
        peer.peer === "pods" &&
        world.pods.length > 0 &&
        world.pods.every((pod) => peerMismatch(peer, pod) !== undefined)
      ) {
        warn("peer-nobody", "no pod is this peer", pathOf(index));
      }
      if (
        peer.peer === "block" &&
        world.pods.some((pod) => pod.addresses.some((address) => contains(peer.block, address)))
      ) {
        warn(
          "block-covers-pods",
          `${peer.block} has pods of this cluster in it, which it allows as well`,
          pathOf(index),
        );
      }
    }
    for (const port of rule.ports ?? []) {
      if (port.match !== "name" || world.pods.length === 0) continue;
      const declared = world.pods.some(({ ports }) =>
        ports.some(({ name, protocol }) => name === port.name && protocol === port.protocol),
      );
      if (!declared) warn("port-nobody", `no pod declares a port ${port.name} of ${port.protocol}`, port.origin.path);
    }
  }
  if (isolates.includes("egress") && subjects.length > 0 && !allowsDns(policy, world)) {
    warn("dns-forgotten", "nothing allows egress to port 53: names cannot be looked up", "spec.egress");
  }
  return warnings;
}

/** Whether any policy about the same pods lets them ask for names. */
function allowsDns(policy: Policy, world: World): boolean {
  const shared = world.policies.filter(
    (other) =>
      other.isolates.includes("egress") &&
      world.pods.some(
        (pod) => choosesPod(policy.subject, pod) === undefined && choosesPod(other.subject, pod) === undefined,
      ),
  );
  return shared.some(({ rules }) =>
    rules.some(
      ({ direction, ports }) =>
        direction === "egress" &&
        (ports === undefined ||
          ports.some(
            (port) =>
              (port.match === "all" && port.protocol === "udp") ||
              (port.match === "range" && port.protocol === "udp" && port.from <= dnsPort && dnsPort <= port.to) ||
              (port.match === "name" && port.name.startsWith("dns")),
          )),
    ),
  );
}

/** `NetworkPolicy shop/db spec.ingress[0]: … (or-not-and)` */
export function formatWarning({ rule, origin, message }: Warning): string {
  return `${formatOrigin(origin)}: ${message} (${rule})`;
}
