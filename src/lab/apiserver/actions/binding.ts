// Binding of a pod to a node: what a scheduler writes, once per pod.

import { badRequest, conflict } from "#kube/kube-error.ts";
import { timestamp } from "#kube/time.ts";
import { readObject } from "#lab/apiserver/operations/read.ts";
import { type Fields, isFields } from "#lab/apiserver/schema/json.ts";
import { type ActionRequest, success } from "./action.ts";

/** POST of `pods/NAME/binding` (core/v1 Binding). Throws Conflict when the pod is bound, or on its way out. */
export function bindPod({ context, target, body, query }: ActionRequest): object {
  const pod = readObject(context, target);
  const { object } = pod;
  const node = isFields(body["target"]) ? body["target"]["name"] : undefined;
  if (typeof node !== "string" || node === "") throw badRequest("target.name: Required value");
  const spec = fieldsOf(object["spec"]);
  if (object.metadata.deletionTimestamp !== undefined) {
    throw conflict(target.definition, target.name, `pod ${target.name} is being deleted, cannot be assigned to a host`);
  }
  if (typeof spec["nodeName"] === "string" && spec["nodeName"] !== "") {
    const why = `pod ${target.name} is already assigned to node "${spec["nodeName"]}"`;
    throw conflict(target.definition, target.name, why);
  }
  const status = fieldsOf(object["status"]);
  const bound = {
    ...object,
    metadata: { ...object.metadata, annotations: { ...object.metadata.annotations, ...body.metadata.annotations } },
    spec: { ...spec, nodeName: node },
    status: { ...status, conditions: withScheduled(status["conditions"], timestamp(context.now())) },
  };
  if (!query.dryRun) context.store.update(pod.key, bound, pod.revision);
  return success;
}

function withScheduled(conditions: unknown, now: string): readonly unknown[] {
  const others = Array.isArray(conditions)
    ? conditions.filter((c) => !isFields(c) || c["type"] !== "PodScheduled")
    : [];
  return [...others, { type: "PodScheduled", status: "True", lastTransitionTime: now }];
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}
