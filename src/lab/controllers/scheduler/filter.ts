// Why a node cannot take a pod; the words are those that `kubectl describe pod` shows.

import type { PodAffinityTerm, TopologySpreadConstraint } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { matchesLabels, selectorOf } from "#kube/selector.ts";
import { fitsNode } from "#lab/controllers/node-match.ts";
import { untolerated } from "#lab/controllers/taints.ts";
import { portsClash, portsTaken } from "#lab/host-ports.ts";
import { type Candidate, requestsOf } from "./candidate.ts";

/** The reason why the pod cannot run on the node; undefined when it can. */
export function refusal(pod: Pod, candidate: Candidate, all: readonly Candidate[]): string | undefined {
  const spec = pod.spec ?? { containers: [] };
  const { node } = candidate;
  const [taint] = untolerated(node.spec?.taints, spec.tolerations);
  if (taint !== undefined) {
    return taint.key === "node.kubernetes.io/unschedulable"
      ? "node(s) were unschedulable"
      : `node(s) had untolerated taint {${taint.key}: ${taint.value ?? ""}}`;
  }
  if (!fitsNode(spec, node)) return "node(s) didn't match Pod's node affinity/selector";
  const lacking = [...requestsOf(spec)].find(
    ([name, amount]) => amount > 0 && amount > (candidate.free.get(name) ?? 0),
  );
  if (lacking !== undefined) return lacking[0] === "pods" ? "Too many pods" : `Insufficient ${lacking[0]}`;
  if (portsClash(pod, candidate.pods)) return portsTaken;
  return refusalOfNeighbours(pod, candidate, all) ?? refusalOfSpread(pod, candidate, all);
}

function refusalOfNeighbours(pod: Pod, candidate: Candidate, all: readonly Candidate[]): string | undefined {
  const affinity = pod.spec?.affinity?.podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  const others = all.flatMap(({ pods }) => pods);
  for (const term of affinity) {
    if (podsBeside(term, pod, candidate, all).length > 0) continue;
    // The first pod of a group that wants its own kind would never start otherwise.
    const first = selectedBy(term, pod, pod) && !others.some((other) => selectedBy(term, pod, other));
    if (!first) return "node(s) didn't match pod affinity rules";
  }
  const anti = pod.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? [];
  if (anti.some((term) => podsBeside(term, pod, candidate, all).length > 0)) {
    return "node(s) didn't match pod anti-affinity rules";
  }
  // Pods that are already there may not want this one beside them.
  const unwelcome = all.some((other) =>
    other.pods.some((there) =>
      (there.spec?.affinity?.podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).some(
        (term) => sameTopology(term.topologyKey, candidate, other) && selectedBy(term, there, pod),
      ),
    ),
  );
  return unwelcome ? "node(s) didn't satisfy existing pods anti-affinity rules" : undefined;
}

/** The pods in the candidate's topology domain that a term of `owner` selects. */
export function podsBeside(
  term: PodAffinityTerm,
  owner: Pod,
  candidate: Candidate,
  all: readonly Candidate[],
): readonly Pod[] {
  const domain = all.filter((other) => sameTopology(term.topologyKey, candidate, other));
  return domain.flatMap(({ pods }) => pods).filter((pod) => selectedBy(term, owner, pod));
}

function sameTopology(key: string, a: Candidate, b: Candidate): boolean {
  const value = a.node.metadata.labels?.[key];
  return value !== undefined && b.node.metadata.labels?.[key] === value;
}

function selectedBy({ labelSelector, namespaces, namespaceSelector }: PodAffinityTerm, owner: Pod, pod: Pod): boolean {
  if (labelSelector === undefined) return false;
  const own = [owner.metadata.namespace ?? ""];
  // A selector of namespaces is read as "all of them": labels of namespaces are not looked up here.
  const inScope = namespaceSelector !== undefined || (namespaces ?? own).includes(pod.metadata.namespace ?? "");
  return inScope && matchesLabels(selectorOf(labelSelector), pod.metadata.labels);
}

function refusalOfSpread(pod: Pod, candidate: Candidate, all: readonly Candidate[]): string | undefined {
  const constraints = pod.spec?.topologySpreadConstraints ?? [];
  const hard = constraints.filter(({ whenUnsatisfiable }) => whenUnsatisfiable === "DoNotSchedule");
  for (const constraint of hard) {
    const counts = spreadCounts(constraint, pod, all);
    const domain = candidate.node.metadata.labels?.[constraint.topologyKey];
    if (domain === undefined) return "node(s) didn't match pod topology spread constraints (missing required label)";
    const least = Math.min(...counts.values());
    if ((counts.get(domain) ?? 0) + 1 - least > constraint.maxSkew) {
      return "node(s) didn't match pod topology spread constraints";
    }
  }
  return undefined;
}

/** How many pods that a constraint speaks of each domain has. */
export function spreadCounts(
  { topologyKey, labelSelector }: TopologySpreadConstraint,
  pod: Pod,
  all: readonly Candidate[],
): ReadonlyMap<string, number> {
  const selector = selectorOf(labelSelector ?? {});
  const counts = new Map<string, number>();
  for (const { node, pods } of all.filter((candidate) => fitsNode(pod.spec ?? {}, candidate.node))) {
    const domain = node.metadata.labels?.[topologyKey];
    if (domain === undefined) continue;
    const matching = pods.filter(
      ({ metadata }) => metadata.namespace === pod.metadata.namespace && matchesLabels(selector, metadata.labels),
    );
    counts.set(domain, (counts.get(domain) ?? 0) + matching.length);
  }
  return counts;
}
