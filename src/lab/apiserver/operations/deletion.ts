// What a deletion does to an object: removes it, or marks it for those who still have to act.

import { badRequest, conflict } from "#kube/kube-error.ts";
import type { KubeObject, Metadata } from "#kube/object.ts";
import { timestamp } from "#kube/time.ts";
import { checkDryRun } from "#lab/apiserver/query.ts";
import type { ResourceDefinition } from "#lab/apiserver/registry.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";

/** meta/v1 DeleteOptions. */
export type DeleteOptions = {
  readonly gracePeriodSeconds: number | undefined;
  readonly propagationPolicy: "Orphan" | "Background" | "Foreground" | undefined;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly dryRun: boolean;
};

/** Options from the body, and from the query where the body says nothing. Throws BadRequest. */
export function parseDeleteOptions(body: unknown, query: URLSearchParams): DeleteOptions {
  if (body !== undefined && !isFields(body)) throw badRequest("the body of a deletion must be DeleteOptions");
  const { preconditions, dryRun = query.getAll("dryRun"), ...options } = body ?? {};
  if (!Array.isArray(dryRun)) throw badRequest("dryRun: Invalid value: must be a list");
  const dryRuns = dryRun.map(String).filter((value) => value !== "");
  checkDryRun(dryRuns);
  const { uid, resourceVersion } = isFields(preconditions) ? preconditions : {};
  return {
    gracePeriodSeconds: graceOf(options["gracePeriodSeconds"] ?? query.get("gracePeriodSeconds")),
    propagationPolicy: policyOf(options, query),
    uid: typeof uid === "string" ? uid : undefined,
    resourceVersion: typeof resourceVersion === "string" ? resourceVersion : undefined,
    dryRun: dryRuns.length > 0,
  };
}

function graceOf(value: unknown): number | undefined {
  if (value === undefined || value === null || value === "") return undefined;
  const seconds = Number(value);
  // A negative period asks for the shortest there is (core/v1 PodSpec, terminationGracePeriodSeconds).
  if (Number.isSafeInteger(seconds)) return seconds < 0 ? 1 : seconds;
  throw badRequest(`gracePeriodSeconds: Invalid value: "${value}": must be a whole number`);
}

function policyOf(options: Readonly<Record<string, unknown>>, query: URLSearchParams) {
  const policy = options["propagationPolicy"] ?? query.get("propagationPolicy") ?? undefined;
  const orphan = options["orphanDependents"] ?? query.get("orphanDependents") ?? undefined;
  if (policy !== undefined && orphan !== undefined) {
    throw badRequest("orphanDependents and deletionPropagation cannot be both set");
  }
  if (orphan !== undefined) return String(orphan) === "true" ? "Orphan" : "Background";
  if (policy === undefined || policy === "Orphan" || policy === "Background" || policy === "Foreground") return policy;
  const known = 'supported values: "Background", "Foreground", "Orphan"';
  throw badRequest(`propagationPolicy: Unsupported value: "${policy}": ${known}`);
}

/** Throws Conflict when the object is not the one that the caller means. */
export function checkPreconditions(
  definition: ResourceDefinition,
  { metadata }: KubeObject,
  { uid, resourceVersion }: Pick<DeleteOptions, "uid" | "resourceVersion">,
): void {
  const { name = "" } = metadata;
  if (uid !== undefined && uid !== metadata.uid) {
    const why = `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${metadata.uid ?? ""}`;
    throw conflict(definition, name, why);
  }
  if (resourceVersion === undefined || resourceVersion === metadata.resourceVersion) return;
  const why = `Precondition failed: ResourceVersion in precondition: ${resourceVersion}, ResourceVersion in object meta: ${metadata.resourceVersion ?? ""}`;
  throw conflict(definition, name, why);
}

/**
 * The object as a deletion leaves it; `isDone` says whether it goes at once. Whoever holds a finalizer, a pod's kubelet, or the
 * controller of namespaces takes it from there.
 */
export function markDeleted(
  definition: ResourceDefinition,
  object: KubeObject,
  options: Pick<DeleteOptions, "gracePeriodSeconds" | "propagationPolicy">,
  nowMs: number,
): KubeObject {
  const { metadata } = object;
  const finalizers = finalizersFor(metadata.finalizers ?? [], options.propagationPolicy);
  const grace = graceFor(definition, object, options.gracePeriodSeconds);
  const before = metadata.deletionGracePeriodSeconds;
  // A second deletion can only shorten what is left.
  const shortens = metadata.deletionTimestamp === undefined || (before !== undefined && grace < before);
  const marked: Metadata = {
    ...withFinalizers(metadata, finalizers),
    ...(shortens
      ? {
          deletionTimestamp: timestamp(nowMs + grace * 1_000),
          deletionGracePeriodSeconds: grace,
          ...(metadata.generation === undefined ? {} : { generation: metadata.generation + 1 }),
        }
      : {}),
  };
  return definition.group === "" && definition.kind === "Namespace"
    ? { ...object, metadata: marked, status: { ...statusOf(object), phase: "Terminating" } }
    : { ...object, metadata: marked };
}

/** Whether an object that is marked as deleted waits for nobody. */
export function isDone(definition: ResourceDefinition, object: KubeObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds = 0, finalizers = [] } = object.metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds > 0 || finalizers.length > 0) return false;
  return definition.group !== "" || definition.kind !== "Namespace" || specFinalizers(object).length === 0;
}

/** A namespace is held until its contents are gone (core/v1 NamespaceSpec, finalizers). */
function specFinalizers({ spec }: KubeObject): readonly unknown[] {
  const finalizers = isFields(spec) ? spec["finalizers"] : undefined;
  return Array.isArray(finalizers) ? finalizers : [];
}

function statusOf({ status }: KubeObject): Record<string, unknown> {
  return isFields(status) ? status : {};
}

const orphan = "orphan";
const foreground = "foregroundDeletion";

function finalizersFor(finalizers: readonly string[], policy: DeleteOptions["propagationPolicy"]): readonly string[] {
  if (policy === undefined) return finalizers;
  const others = finalizers.filter((name) => name !== orphan && name !== foreground);
  return policy === "Background" ? others : [...others, policy === "Orphan" ? orphan : foreground];
}

function withFinalizers(metadata: Metadata, finalizers: readonly string[]): Metadata {
  const { finalizers: _finalizers, ...rest } = metadata;
  return finalizers.length === 0 ? rest : { ...rest, finalizers };
}

export function withoutFinalizer(object: KubeObject, name: string): KubeObject {
  const { finalizers = [] } = object.metadata;
  return {
    ...object,
    metadata: withFinalizers(
      object.metadata,
      finalizers.filter((other) => other !== name),
    ),
  };
}

const defaultPodGraceSeconds = 30;

/** Only pods are given time: those on a node whose containers have not ended (core/v1, "Termination of Pods"). */
function graceFor(definition: ResourceDefinition, object: KubeObject, wanted: number | undefined): number {
  if (definition.group !== "" || definition.kind !== "Pod") return 0;
  const spec = isFields(object["spec"]) ? object["spec"] : {};
  const { phase } = statusOf(object);
  const runs = typeof spec["nodeName"] === "string" && spec["nodeName"] !== "";
  if (!runs || phase === "Succeeded" || phase === "Failed") return 0;
  const own = spec["terminationGracePeriodSeconds"];
  return wanted ?? (typeof own === "number" ? own : defaultPodGraceSeconds);
}
