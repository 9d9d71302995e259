// What users are told of the controllers' doings: the events that `kubectl describe` shows, in Kubernetes' words.

import type { KubeClient } from "#kube/client.ts";
import { type EventNote, EventRecorder } from "#kube/event-recorder.ts";
import type { Node, Pod, ReplicaSet } from "#kube/kinds.ts";
import type { Metadata } from "#kube/object.ts";
import { pods } from "#kube/resource.ts";
import type { Operation } from "./operation.ts";
import { controllerOf } from "./owner.ts";

type Something = { readonly metadata: Metadata };

/** An event, and who tells of it. */
export type Told = { readonly component: string; readonly note: EventNote };

const scheduler = "default-scheduler";

/** By the kind of what they look after. */
const components: ReadonlyMap<string, string> = new Map([
  ["Deployment", "deployment-controller"],
  ["ReplicaSet", "replicaset-controller"],
  ["StatefulSet", "statefulset-controller"],
  ["DaemonSet", "daemonset-controller"],
  ["Job", "job-controller"],
]);

/**
 * What is worth telling of an operation that was done, undefined for nothing: `before` is the object that it is about as it was, `after`
 * as the API answered.
 */
export function toldOf(
  operation: Operation,
  before: Something | undefined,
  after: Something | undefined,
): Told | undefined {
  switch (operation.resource.kind) {
    case "Binding":
      return operation.do === "create" ? ofBinding(operation) : undefined;
    case "Pod":
      return operation.do === "patch" ? ofWaiting(operation, before) : ofPod(operation.do, after ?? before);
    case "ReplicaSet":
      return operation.do === "remove" ? undefined : ofScaling(before as ReplicaSet | undefined, after as ReplicaSet);
    case "Node":
      return operation.do === "patch" ? ofSilence(before as Node | undefined, after as Node | undefined) : undefined;
    default:
      return undefined;
  }
}

function ofSilence(before: Node | undefined, after: Node | undefined): Told | undefined {
  if (before === undefined || after === undefined || !isUp(before) || isUp(after)) return undefined;
  const { name, uid } = after.metadata;
  const object = { apiVersion: "v1", kind: "Node", name, uid };
  const message = `Node ${name} status is now: NodeNotReady`;
  return { component: "node-controller", note: { object, type: "Normal", reason: "NodeNotReady", message } };
}

function isUp({ status }: Node): boolean {
  return status?.conditions?.some((each) => each.type === "Ready" && each.status === "True") === true;
}

function ofBinding({ object: { metadata }, why }: Operation & { do: "create" }): Told {
  const { namespace = "", name = "", uid } = metadata;
  const message = `Successfully assigned ${namespace}/${name} to ${why}`;
  const object = { apiVersion: "v1", kind: pods.kind, namespace, name, uid };
  return { component: scheduler, note: { object, type: "Normal", reason: "Scheduled", message } };
}

function ofWaiting({ patch }: Operation & { do: "patch" }, before: Something | undefined): Told | undefined {
  const { conditions = [] } = (patch as { readonly status?: Pod["status"] }).status ?? {};
  const refused = conditions.find(({ type, status }) => type === "PodScheduled" && status === "False");
  if (refused === undefined || before === undefined) return undefined;
  const { namespace = "", name = "", uid } = before.metadata;
  const object = { apiVersion: "v1", kind: pods.kind, namespace, name, uid };
  const message = refused.message ?? "";
  return { component: scheduler, note: { object, type: "Warning", reason: "FailedScheduling", message } };
}

function ofPod(done: "create" | "remove", pod: Something | undefined): Told | undefined {
  if (pod === undefined) return undefined;
  const reason = done === "create" ? "SuccessfulCreate" : "SuccessfulDelete";
  return ofOwned(pod, reason, (owner) =>
    owner.kind === "StatefulSet"
      ? `${done === "create" ? "create" : "delete"} Pod ${pod.metadata.name} in StatefulSet ${owner.name} successful`
      : `${done === "create" ? "Created" : "Deleted"} pod: ${pod.metadata.name}`,
  );
}

function ofScaling(before: ReplicaSet | undefined, after: ReplicaSet | undefined): Told | undefined {
  const [from, to] = [before?.spec?.replicas ?? 0, after?.spec?.replicas ?? 0];
  if (after === undefined || from === to) return undefined;
  const way = from < to ? "up" : "down";
  return ofOwned(
    after,
    "ScalingReplicaSet",
    () => `Scaled ${way} replica set ${after.metadata.name} from ${from} to ${to}`,
  );
}

/** What the owner of an object is told to have done. */
function ofOwned(
  made: Something,
  reason: string,
  message: (owner: { readonly kind: string; readonly name: string }) => string,
): Told | undefined {
  const owner = controllerOf(made);
  const component = components.get(owner?.kind ?? "");
  if (owner === undefined || component === undefined) return undefined;
  const { apiVersion, kind, name, uid } = owner;
  const object = { apiVersion, kind, namespace: made.metadata.namespace, name, uid };
  return { component, note: { object, type: "Normal", reason, message: message(owner) } };
}

/** Writes what controllers tell, each under its own name. */
export class ControllerEvents {
  readonly #client: KubeClient;
  readonly #now: () => number;
  readonly #recorders = new Map<string, EventRecorder>();

  /** `now` gives milliseconds of the epoch. */
  constructor(client: KubeClient, now: () => number) {
    this.#client = client;
    this.#now = now;
  }

  tell({ component, note }: Told): void {
    this.#recorderOf(component).note(note);
  }

  #recorderOf(component: string): EventRecorder {
    const known = this.#recorders.get(component);
    if (known !== undefined) return known;
    const recorder = new EventRecorder({ client: this.#client, component, node: "", now: this.#now });
    this.#recorders.set(component, recorder);
    return recorder;
  }
}
