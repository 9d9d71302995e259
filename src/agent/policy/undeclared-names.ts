// Names of ports that no pod of the cluster declares: a rule by such a name matches nothing, which only its author can see is a mistake.

import type { PodModel } from "#model/pod.ts";
import type { Fault, Policy, PortMatch, Protocol } from "#model/policy/rule.ts";

type PortName = Extract<PortMatch, { readonly match: "name" }>;

/** Of each policy that has any. `pods`: all of the cluster, looked at when some policy has a name at all. */
export function undeclaredNames(
  policies: Iterable<Policy>,
  pods: () => Iterable<PodModel>,
): ReadonlyMap<Policy, readonly Fault[]> {
  const used = [...policies]
    .map((policy) => [policy, namesOf(policy)] as const)
    .filter(([, names]) => names.length > 0);
  if (used.length === 0) return new Map();
  const declared = new Map<string, Set<Protocol>>();
  for (const { ports } of pods()) {
    for (const { name, protocol } of ports) declared.getOrInsertComputed(name, () => new Set()).add(protocol);
  }
  const isDeclared = ({ name, protocol }: PortName) =>
    protocol === undefined ? declared.has(name) : declared.get(name)?.has(protocol) === true;
  return new Map(used.map(([policy, names]) => [policy, names.filter((each) => !isDeclared(each)).map(faultOf)]));
}

function namesOf({ rules }: Policy): readonly PortName[] {
  return rules.flatMap(({ ports = [] }) => ports.filter((port) => port.match === "name"));
}

function faultOf({ origin, name, protocol }: PortName): Fault {
  const of = protocol === undefined ? "" : ` of ${protocol}`;
  return { origin, why: `no pod declares a port "${name}"${of}, so it matches nothing` };
}
