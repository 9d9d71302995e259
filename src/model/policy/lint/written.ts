// Traps in how a NetworkPolicy is written: types that are left out, lists that say nothing, rules that make others useless.

import { choosesPod } from "#model/policy/match.ts";
import type { PodParty } from "#model/policy/party.ts";
import { formatOrigin, networkTier } from "#model/policy/rule.ts";
import { impossible } from "#model/policy/written.ts";
import { type Subject, valueAt, type Warning } from "./warning.ts";

export function lintWritten({ policy, written, world }: Subject): readonly Warning[] {
  const { origin, subject, rules, isolates, tier } = policy;
  const warnings: Warning[] = [];
  const warn = (rule: string, path: string, message: string) =>
    void warnings.push({ rule, message, origin: { ...origin, path } });

  const about = world.pods.some((pod) => choosesPod(subject, pod) === undefined);
  const place = tier === networkTier ? "spec.podSelector" : "spec.subject";
  if (!about && world.pods.length > 0 && subject.pods !== impossible) {
    const onNodes = world.allPods.filter(({ party, namespace, name, labels, ports }) => {
      if (party?.party !== "node") return false;
      const namespaceLabels = world.namespaces.get(namespace) ?? {};
      const asPod: PodParty = {
        party: "pod",
        namespace,
        name,
        labels,
        namespaceLabels,
        addresses: [],
        node: undefined,
        ports,
      };
      return choosesPod(subject, asPod) === undefined;
    });
    const [first] = onNodes;
    if (first === undefined) warn("selects-nothing", place, "it selects no pod");
    else
      warn(
        "host-network",
        place,
        `${first.namespace}/${first.name} is on its node's network, where no policy is about it`,
      );
  }
  for (const rule of rules) {
    const others = rules.filter((other) => other.direction === rule.direction && other !== rule);
    if (tier === networkTier && rule.peers === undefined && rule.ports === undefined && others.length > 0)
      warn("allows-all", rule.origin.path, `it allows everything, so the other rules of ${rule.direction} say nothing`);
  }
  if (tier !== networkTier) return warnings;

  // Without rules that is what it is for.
  if (subject.pods.length === 0 && rules.length > 0)
    warn("selects-all", place, `it is about every pod of namespace ${origin.namespace}`);
  const types = valueAt(written, "spec.policyTypes");
  const egress = valueAt(written, "spec.egress");
  if (!Array.isArray(types) || types.length === 0) {
    warn("types-missing", "spec.policyTypes", `policyTypes is missing and means ${isolates.join(" and ")}: say it`);
    if (Array.isArray(egress) && egress.length === 0)
      warn(
        "empty-egress",
        "spec.egress",
        "egress is empty, which without policyTypes means nothing, and its pods may open any connection: add Egress to policyTypes to deny that",
      );
    return warnings;
  }
  for (const direction of ["ingress", "egress"] as const) {
    const list = valueAt(written, `spec.${direction}`);
    if (Array.isArray(list) && list.length > 0 && !isolates.includes(direction))
      warn(
        "rules-unused",
        `spec.${direction}`,
        `policyTypes does not have ${direction === "ingress" ? "Ingress" : "Egress"}, so these rules say nothing`,
      );
  }
  return warnings;
}

/** Policies of the same name and namespace in files: the last one counts. */
export function lintTwice(subjects: readonly Subject[]): readonly Warning[] {
  const seen = new Set<string>();
  return subjects.flatMap(({ policy: { origin } }) => {
    const name = formatOrigin(origin);
    if (!seen.has(name)) {
      seen.add(name);
      return [];
    }
    return [
      {
        rule: "written-twice",
        origin,
        message: "it is written more than once, and of these only one will be in force",
      },
    ];
  });
}
