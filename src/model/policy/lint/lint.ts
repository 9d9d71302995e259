// Traps that policies fall into, as warnings with their place.

import type { KubeObject } from "#kube/object.ts";
import { aboutOf } from "#model/policy/about.ts";
import { classifierOf } from "#model/policy/classify.ts";
import { faultsOf, inOneObject, type Origin } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import { podAddresses, serviceAddresses } from "./addresses.ts";
import { clusterDns } from "./cluster-dns.ts";
import { lintDns } from "./dns.ts";
import { lintFields } from "./fields.ts";
import { lintOrder } from "./order.ts";
import { lintPeers } from "./peers.ts";
import { lintPorts } from "./ports.ts";
import { lintUnread } from "./unread.ts";
import type { Subject, Warning } from "./warning.ts";
import { lintTwice, lintWritten } from "./written.ts";

/**
 * All warnings about the policies of a world, in their order; of those only that are meant. `objects` are those that the world is of, as
 * they were written.
 */
export function lint(
  world: World,
  objects: readonly KubeObject[],
  isMeant: (origin: Origin) => boolean = () => true,
): readonly Warning[] {
  const written = new Map(objects.map((object) => [keyOf(object.kind, object.metadata), object]));
  const shared = {
    ...{ world, pods: podAddresses(world), services: serviceAddresses(world) },
    ...{ about: aboutOf(world.policies), classOf: classifierOf(world.policies), dns: clusterDns(world) },
  };
  const subjects = world.policies.flatMap((policy): readonly Subject[] => {
    if (!isMeant(policy.origin)) return [];
    const object = written.get(keyOf(policy.origin.kind, policy.origin));
    return object === undefined ? [] : [{ policy, written: object, ...shared }];
  });
  const ofOrder = lintOrder(world);
  return [
    ...subjects.flatMap((subject) => [
      ...lintFaults(subject),
      ...lintFields(subject),
      ...lintWritten(subject),
      ...lintPeers(subject),
      ...lintPorts(subject),
      ...lintDns(subject),
      ...ofOrder.filter(({ origin }) => inOneObject(origin, subject.policy.origin)),
    ]),
    ...lintTwice(subjects),
    ...lintUnread(objects).filter(({ origin }) => isMeant(origin)),
  ];
}

function keyOf(kind: string, { namespace, name }: { readonly namespace?: string; readonly name?: string }): string {
  const within = namespace === undefined && kind === "NetworkPolicy" ? "default" : (namespace ?? "");
  return `${kind} ${within}/${name}`;
}

function lintFaults({ policy }: Subject): readonly Warning[] {
  const noted = new Set(policy.faults);
  return faultsOf(policy).map((fault) => ({
    rule: noted.has(fault) ? "misread" : "matches-nothing",
    origin: fault.origin,
    message: fault.why,
  }));
}
