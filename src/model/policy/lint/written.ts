// Traps in how a NetworkPolicy is written: types that are left out, lists that say nothing, rules that make others useless.

import { choosesPod } from "#model/policy/match.ts";
import type { PodParty } from "#model/policy/party.ts";
import { formatOrigin, networkTier } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import { impossible } from "#model/policy/written.ts";
import { type Subject, valueAt, type Warning } from "./warning.ts";

export function lintWritten(subject: Subject): readonly Warning[] {
  return [lintChosen(subject), lintRules(subject), lintTypes(subject)].flat();
}

/** No pod is chosen, though there are some. */
function lintChosen({ policy: { origin, subject, tier }, world }: Subject): readonly Warning[] {
  if (world.pods.length === 0 || subject.pods === impossible) return [];
  if (world.pods.some((pod) => choosesPod(subject, pod) === undefined)) return [];
  const place = { ...origin, path: tier === networkTier ? "spec.podSelector" : "spec.subject" };
  const onNode = world.allPods.find(
    (pod) => pod.party?.party === "node" && choosesPod(subject, asPod(pod, world)) === undefined,
  );
  if (onNode === undefined) return [{ rule: "selects-nothing", origin: place, message: "it selects no pod" }];
  const message = `${onNode.namespace}/${onNode.name} is on its node's network, where no policy is about it`;
  return [{ rule: "host-network", origin: place, message }];
}

/** What it would be with a network of its own. */
function asPod({ namespace, name, labels, ports }: World["allPods"][number], world: World): PodParty {
  const namespaceLabels = world.namespaces.get(namespace) ?? {};
  return { party: "pod", namespace, name, labels, namespaceLabels, addresses: [], node: undefined, ports };
}

/** A rule that allows everything leaves nothing to the others of its direction. */
function lintRules({ policy: { origin, rules, tier } }: Subject): readonly Warning[] {
  if (tier !== networkTier) return [];
  return rules
    .filter(({ peers, ports }) => peers === undefined && ports === undefined)
    .filter((rule) => rules.some((other) => other.direction === rule.direction && other !== rule))
    .map((rule) => ({
      rule: "allows-all",
      origin: { ...origin, path: rule.origin.path },
      message: `it allows everything, so the other rules of ${rule.direction} say nothing`,
    }));
}

/** What a NetworkPolicy is about when it does not say so: every pod, and directions that are guessed from its rules. */
function lintTypes({ policy: { origin, subject, rules, isolates, tier }, written }: Subject): readonly Warning[] {
  if (tier !== networkTier) return [];
  const warnings: Warning[] = [];
  const warn = (rule: string, path: string, message: string) =>
    void warnings.push({ rule, message, origin: { ...origin, path } });

  // Without rules that is what it is for.
  if (subject.pods.length === 0 && rules.length > 0)
    warn("selects-all", "spec.podSelector", `it is about every pod of namespace ${origin.namespace}`);
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
