// Whether a node takes a pod. Pods that name their node come without the scheduler, and two may be placed at once.

import type { Pod } from "#kube/kinds.ts";
import { portsClash, portsTaken } from "#lab/host-ports.ts";

/** Why a node does not take a pod: as a reason in the pod's status, and for people. */
export type Refusal = { readonly reason: string; readonly message: string };

/** Undefined when a new pod can run beside those that the node has let in, as far as the lab knows limits of a node. */
export function refusalOf(pod: Pod, admitted: readonly Pod[]): Refusal | undefined {
  const isNew = (pod.status?.phase ?? "Pending") === "Pending" && pod.metadata.deletionTimestamp === undefined;
  if (!isNew || !portsClash(pod, admitted)) return undefined;
  return { reason: "NodePorts", message: `Predicate NodePorts failed: ${portsTaken}` };
}
