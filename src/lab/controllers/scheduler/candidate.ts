// A node as the scheduler sees it: what it has, and what the pods on it already take.

import type { PodSpec } from "kubernetes-types/core/v1";
import type { Node, Pod } from "#kube/kinds.ts";
import { parseQuantity } from "#kube/quantity.ts";

/** Amounts by resource: cores of `cpu`, bytes of `memory`, pieces of `pods`. */
export type Amounts = ReadonlyMap<string, number>;

export type Candidate = {
  readonly node: Node;
  readonly pods: readonly Pod[];
  readonly free: Amounts;
};

/** What a pod asks for: its containers together, or its largest init container if that is more, and the pod itself. */
export function requestsOf({ containers, initContainers = [], overhead = {} }: PodSpec): Amounts {
  const amounts = new Map<string, number>([["pods", 1]]);
  const add = (name: string, text: string) => amounts.set(name, (amounts.get(name) ?? 0) + (parseQuantity(text) ?? 0));
  // Sidecars are init containers that keep running beside the others.
  const lasting = [...containers, ...initContainers.filter(({ restartPolicy }) => restartPolicy === "Always")];
  for (const { resources } of lasting)
    for (const [name, text] of Object.entries(resources?.requests ?? {})) add(name, text);
  for (const { resources } of initContainers) {
    for (const [name, text] of Object.entries(resources?.requests ?? {})) {
      amounts.set(name, Math.max(amounts.get(name) ?? 0, parseQuantity(text) ?? 0));
    }
  }
  for (const [name, text] of Object.entries(overhead)) add(name, text);
  return amounts;
}

export function candidateOf(node: Node, pods: readonly Pod[]): Candidate {
  const total = node.status?.allocatable ?? node.status?.capacity ?? {};
  const free = new Map(Object.entries(total).map(([name, text]) => [name, parseQuantity(text) ?? 0]));
  for (const pod of pods) take(free, pod.spec ?? { containers: [] });
  return { node, pods, free };
}

/** The candidate with one more pod. */
export function withPod({ node, pods, free }: Candidate, pod: Pod): Candidate {
  const left = new Map(free);
  take(left, pod.spec ?? { containers: [] });
  return { node, pods: [...pods, pod], free: left };
}

function take(free: Map<string, number>, spec: PodSpec): void {
  for (const [name, amount] of requestsOf(spec)) if (free.has(name)) free.set(name, (free.get(name) ?? 0) - amount);
}
