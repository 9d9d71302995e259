// Which of the nodes that can take a pod it goes to.

import type { Pod } from "#kube/kinds.ts";
import { matchesTerm } from "#lab/controllers/node-match.ts";
import { controllerOf } from "#lab/controllers/owner.ts";
import { untolerated } from "#lab/controllers/taints.ts";
import type { Candidate } from "./candidate.ts";
import { podsBeside, spreadCounts } from "./filter.ts";

/** The best node: what the pod prefers first, then few of its kind, then few pods; the name decides at last. */
export function best(pod: Pod, fitting: readonly Candidate[], all: readonly Candidate[]): Candidate | undefined {
  return fitting
    .map((candidate) => ({ candidate, rank: rank(pod, candidate, all) }))
    .sort(
      (a, b) => compare(a.rank, b.rank) || (a.candidate.node.metadata.name < b.candidate.node.metadata.name ? -1 : 1),
    )
    .at(0)?.candidate;
}

/** Smaller is better, the first number that differs decides. */
function rank(pod: Pod, candidate: Candidate, all: readonly Candidate[]): readonly number[] {
  const uid = controllerOf(pod)?.uid;
  return [
    untolerated(candidate.node.spec?.taints, pod.spec?.tolerations, ["PreferNoSchedule"]).length,
    -preference(pod, candidate, all),
    softSpread(pod, candidate, all),
    uid === undefined ? 0 : candidate.pods.filter((other) => controllerOf(other)?.uid === uid).length,
    candidate.pods.length,
  ];
}

function preference(pod: Pod, candidate: Candidate, all: readonly Candidate[]): number {
  const { nodeAffinity, podAffinity, podAntiAffinity } = pod.spec?.affinity ?? {};
  const onNode = (nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [])
    .filter(({ preference: term }) => matchesTerm(term, candidate.node))
    .reduce((sum, { weight }) => sum + weight, 0);
  const beside = (terms: NonNullable<typeof podAffinity>["preferredDuringSchedulingIgnoredDuringExecution"] = []) =>
    terms
      .filter(({ podAffinityTerm }) => podsBeside(podAffinityTerm, pod, candidate, all).length > 0)
      .reduce((sum, { weight }) => sum + weight, 0);
  return (
    onNode +
    beside(podAffinity?.preferredDuringSchedulingIgnoredDuringExecution) -
    beside(podAntiAffinity?.preferredDuringSchedulingIgnoredDuringExecution)
  );
}

function softSpread(pod: Pod, candidate: Candidate, all: readonly Candidate[]): number {
  return (pod.spec?.topologySpreadConstraints ?? [])
    .filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "ScheduleAnyway")
    .map((constraint) => {
      const domain = candidate.node.metadata.labels?.[constraint.topologyKey] ?? "";
      return spreadCounts(constraint, pod, all).get(domain) ?? Number.MAX_SAFE_INTEGER;
    })
    .reduce((sum, count) => sum + count, 0);
}

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at < 0 ? 0 : (a[at] ?? 0) - (b[at] ?? 0);
}
