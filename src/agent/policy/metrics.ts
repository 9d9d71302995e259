// What is told of policies in figures.

import type { Histogram, Metrics, Sample } from "#base/metrics.ts";
import type { Policies } from "./policies.ts";

/** Pods of this node that a policy is about, and of those, where it is in force. */
export type PodCount = { readonly pods: number; readonly inForce: number };

export type PolicyFigures = {
  readonly metrics: Metrics;
  readonly policies: Policies;
  /** By policy object, of those that are about pods of this node. */
  readonly counts: () => ReadonlyMap<string, PodCount>;
  /** Objects in which something cannot be read. */
  readonly misread: () => number;
  /** Elements of maps that were not as they should be, ever. */
  readonly mended: () => number;
};

const secondsBounds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 5];
/** Whoever collects figures keeps each name for long: beyond these many, those about the most pods are told. */
const maxNamed = 1_000;

/** Returns what observes how long policies take until they are in force. */
export function registerMetrics({ metrics, policies, counts, misread, mended }: PolicyFigures): Histogram {
  const { held } = policies;
  const named = (of: (count: PodCount) => number): readonly Sample[] =>
    [...counts()]
      .sort(([, a], [, b]) => b.pods - a.pods)
      .slice(0, maxNamed)
      .map(([policy, count]) => ({ labels: { policy }, value: of(count) }));
  metrics.gauge("twill_policies", "Policy objects of the cluster.", () => policies.policies.size);
  metrics.gauge("twill_policies_misread", "Policy objects in which something cannot be read.", misread);
  metrics.gauge("twill_policy_pods", "Pods of this node that a policy is about.", () => named(({ pods }) => pods));
  metrics.gauge("twill_policy_pods_in_force", "Pods of this node on which a policy is in force.", () =>
    named(({ inForce }) => inForce),
  );
  metrics.gauge("twill_policy_sets", "Policy sets of this node's pods.", () => held.sets.size);
  metrics.gauge(
    "twill_policy_classes",
    "Classes of addresses that policies tell apart.",
    () => policies.resolver.classCount,
  );
  metrics.gauge("twill_policy_map_entries", "Entries of the packet path's maps of policies.", () => [
    { labels: { map: "identities" }, value: held.identities.size },
    { labels: { map: "blocks" }, value: held.blocks.size },
    { labels: { map: "policy_sets" }, value: held.sets.size },
    { labels: { map: "list_choices" }, value: held.choices.size },
    { labels: { map: "lists" }, value: [...held.lists.values()].reduce((sum, { size }) => sum + size, 0) },
  ]);
  metrics.gauge(
    "twill_policy_problems",
    "Kinds of things that policies want and that could not be done.",
    () => policies.problems.length,
  );
  metrics.counter(
    "twill_policy_mended_total",
    "Elements of the maps of policies that were not as they should be.",
    mended,
  );
  return metrics.histogram(
    "twill_policy_in_force_seconds",
    "From the moment that a policy or its change was seen to the moment that it was in force on this node.",
    secondsBounds,
  );
}
