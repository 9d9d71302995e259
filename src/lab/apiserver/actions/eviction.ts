// Eviction of a pod: a deletion that disruption budgets can refuse.

import { type Cause, kubeError } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { matchesLabels, selectorOf } from "#kube/selector.ts";
import { timestamp } from "#kube/time.ts";
import type { ApiContext } from "#lab/apiserver/context.ts";
import { keyOf, prefixOf } from "#lab/apiserver/keys.ts";
import { deleteStored } from "#lab/apiserver/operations/delete.ts";
import { parseDeleteOptions } from "#lab/apiserver/operations/deletion.ts";
import { readObject } from "#lab/apiserver/operations/read.ts";
import { type Fields, isFields } from "#lab/apiserver/schema/json.ts";
import type { Stored } from "#lab/apiserver/store/stored.ts";
import { type ActionRequest, success } from "./action.ts";

const budgets = { group: "policy", plural: "poddisruptionbudgets" };

/** POST of `pods/NAME/eviction` (policy/v1 Eviction). Throws TooManyRequests when a budget has no disruption left. */
export function evictPod({ context, target, body, query }: ActionRequest): object {
  const pod = readObject(context, target);
  const options = parseDeleteOptions(body["deleteOptions"] ?? undefined, target.request.query);
  const dryRun = options.dryRun || query.dryRun;
  if (countsForBudgets(pod.object)) spendBudget(context, pod.object, dryRun);
  deleteStored(context, target.definition, pod, { ...options, dryRun });
  return success;
}

/** Pods that have ended, or wait for a node, or are on their way out disturb nobody by going. */
function countsForBudgets({ metadata, status }: KubeObject): boolean {
  const phase = isFields(status) ? status["phase"] : undefined;
  return metadata.deletionTimestamp === undefined && phase !== "Succeeded" && phase !== "Failed" && phase !== "Pending";
}

function spendBudget(context: ApiContext, pod: KubeObject, dryRun: boolean): void {
  const { items } = context.store.list(prefixOf(budgets, pod.metadata.namespace));
  const [budget, second] = items.filter(({ object }) => covers(object, pod));
  if (budget === undefined) return;
  if (second !== undefined) {
    const message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.";
    throw kubeError("InternalError", message);
  }
  const status = fieldsOf(budget.object["status"]);
  const ready = isReady(pod);
  if (!ready && mayGoUnready(fieldsOf(budget.object["spec"]), status)) return;
  const observed = numberOf(status["observedGeneration"]);
  const { name = "", generation = 0 } = budget.object.metadata;
  if (observed < generation) {
    throw refused(`The disruption budget ${name} is still being processed by the server.`);
  }
  const allowed = numberOf(status["disruptionsAllowed"]);
  if (allowed <= 0) {
    const needs = numberOf(status["desiredHealthy"]);
    const has = numberOf(status["currentHealthy"]);
    throw refused(`The disruption budget ${name} needs ${needs} healthy pods and has ${has} currently`);
  }
  if (!dryRun) spend(context, budget, { ...status, disruptionsAllowed: allowed - 1 }, pod.metadata.name ?? "");
}

/** An empty selector covers all pods of the namespace, none covers no pod (policy/v1 PodDisruptionBudgetSpec). */
function covers({ spec }: KubeObject, pod: KubeObject): boolean {
  const selector = isFields(spec) ? spec["selector"] : undefined;
  if (!isFields(selector)) return false;
  return matchesLabels(selectorOf(selector as Parameters<typeof selectorOf>[0]), pod.metadata.labels);
}

/** Pods that do not work may go when the policy says so, or when enough others work. */
function mayGoUnready(spec: Fields, status: Fields): boolean {
  if (spec["unhealthyPodEvictionPolicy"] === "AlwaysAllow") return true;
  const desired = numberOf(status["desiredHealthy"]);
  return desired > 0 && numberOf(status["currentHealthy"]) >= desired;
}

function spend({ store, now }: ApiContext, budget: Stored, status: Fields, pod: string): void {
  const disruptedPods = { ...fieldsOf(status["disruptedPods"]), [pod]: timestamp(now()) };
  const { namespace, name = "" } = budget.object.metadata;
  const spent = { ...budget.object, status: { ...status, disruptedPods } };
  store.update(keyOf(budgets, namespace, name), spent, budget.revision);
}

function isReady({ status }: KubeObject): boolean {
  const conditions = isFields(status) && Array.isArray(status["conditions"]) ? status["conditions"] : [];
  return conditions.some((c) => isFields(c) && c["type"] === "Ready" && c["status"] === "True");
}

function refused(message: string): Error {
  const cause: Cause = { reason: "DisruptionBudget", message, field: "" };
  return kubeError("TooManyRequests", "Cannot evict pod as it would violate the pod's disruption budget.", {
    causes: [cause],
  });
}

function fieldsOf(value: unknown): Fields {
  return isFields(value) ? value : {};
}

function numberOf(value: unknown): number {
  return typeof value === "number" ? value : 0;
}
