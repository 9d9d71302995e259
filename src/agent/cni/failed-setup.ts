// What the API server is told of a pod that got no network.

import type { PodName } from "#agent/state/endpoint.ts";
import type { EventNote } from "#kube/event-recorder.ts";

/** Where people look for the reason: `kubectl describe pod`. */
export function failedSetup({ namespace, name, uid }: PodName, message: string): EventNote {
  const object = { apiVersion: "v1", kind: "Pod", namespace, name, uid: uid === "" ? undefined : uid };
  return { object, type: "Warning", reason: "FailedNetworkSetup", message };
}
