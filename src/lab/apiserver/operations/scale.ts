// The scale of what keeps pods: how many are wanted, how many there are, and which labels they have (autoscaling/v1 Scale).

import { invalid } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { formatLabelSelector, selectorOf } from "#kube/selector.ts";
import { changedMetadata } from "#lab/apiserver/metadata.ts";
import { findSubresource } from "#lab/apiserver/registry.ts";
import { invalidValue } from "#lab/apiserver/schema/cause.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";
import type { Target } from "#lab/apiserver/target.ts";

/** Where the numbers are in an object; of a CRD these are its own (`subresources.scale`). */
export type ScalePaths = {
  readonly specReplicas: readonly string[];
  readonly statusReplicas: readonly string[];
  /** A field that holds the selector's text; undefined: `spec.selector`, an object. */
  readonly selectorText?: readonly string[];
};

const builtinPaths: ScalePaths = { specReplicas: ["spec", "replicas"], statusReplicas: ["status", "replicas"] };

function pathsOf({ definition }: Target): ScalePaths {
  return findSubresource(definition, "scale")?.scale ?? builtinPaths;
}

export function scaleOf(target: Target, stored: KubeObject): KubeObject {
  const paths = pathsOf(target);
  const { name, namespace, uid, resourceVersion, creationTimestamp } = stored.metadata;
  const metadata = Object.entries({ name, namespace, uid, resourceVersion, creationTimestamp });
  const selector = selectorTextOf(paths, stored);
  return {
    kind: "Scale",
    apiVersion: "autoscaling/v1",
    metadata: Object.fromEntries(metadata.filter(([, value]) => value !== undefined)),
    spec: { replicas: read(stored, paths.specReplicas) ?? 0 },
    status: { replicas: read(stored, paths.statusReplicas) ?? 0, ...(selector === "" ? {} : { selector }) },
  };
}

function selectorTextOf({ selectorText }: ScalePaths, stored: KubeObject): string {
  if (selectorText !== undefined) return String(read(stored, selectorText) ?? "");
  const selector = read(stored, ["spec", "selector"]);
  if (!isFields(selector)) return "";
  // A ReplicationController's selector is the labels themselves.
  const labels = "matchLabels" in selector || "matchExpressions" in selector ? selector : { matchLabels: selector };
  return formatLabelSelector(selectorOf(labels as Parameters<typeof selectorOf>[0]));
}

/** Throws Invalid for a number of replicas that is none. */
export function withScale(target: Target, live: KubeObject, wanted: KubeObject): KubeObject {
  changedMetadata(target.definition, wanted.metadata, live.metadata);
  const replicas = read(wanted, ["spec", "replicas"]) ?? 0;
  if (typeof replicas === "number" && Number.isInteger(replicas) && replicas >= 0) {
    return write(live, pathsOf(target).specReplicas, replicas) as KubeObject;
  }
  const cause = invalidValue("spec.replicas", replicas, "must be greater than or equal to 0");
  throw invalid("Scale", "autoscaling", target.name, [cause]);
}

function read(value: unknown, [field, ...rest]: readonly string[]): unknown {
  if (field === undefined) return value;
  return isFields(value) ? read(value[field], rest) : undefined;
}

function write(value: unknown, [field, ...rest]: readonly string[], leaf: unknown): unknown {
  if (field === undefined) return leaf;
  const fields = isFields(value) ? value : {};
  return { ...fields, [field]: write(fields[field], rest, leaf) };
}
