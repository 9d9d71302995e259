// What the API says of a run of a container: all that a kubelet knows of it that starts again.

import type { Pod } from "#kube/kinds.ts";
import type { KnownRun } from "#lab/kubelet/probe/prober.ts";

/** Undefined when the API speaks of another run, or of none that goes on. */
export function knownRun({ status }: Pod, container: string, attempt: number): KnownRun | undefined {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const found = statuses.find(({ name }) => name === container);
  if (found?.state?.running === undefined || found.restartCount !== attempt) return undefined;
  return { started: found.started === true, ready: found.ready };
}
