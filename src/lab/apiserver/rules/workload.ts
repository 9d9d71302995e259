// Deployments, ReplicaSets, StatefulSets, DaemonSets and Jobs: the template of their pods and the selector that finds them.

import type { PersistentVolumeClaim, PodTemplateSpec } from "kubernetes-types/core/v1";
import type { LabelSelector } from "kubernetes-types/meta/v1";
import { sameJson } from "#base/same-json.ts";
import type { Cause } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { matchesLabels, selectorOf } from "#kube/selector.ts";
import type { Rules } from "#lab/apiserver/registry.ts";
import { invalidValue, requiredValue, unsupportedValue } from "#lab/apiserver/schema/cause.ts";
import { podTemplateDefaults } from "./pod.ts";
import { podSpecFaults } from "./pod-faults.ts";
import { isEmptySelector, selectorFaults } from "./selectors.ts";

/** The part that all these kinds share. */
type Spec = {
  readonly replicas?: number;
  readonly selector?: LabelSelector;
  readonly template?: PodTemplateSpec;
  readonly strategy?: { readonly type?: string; readonly rollingUpdate?: Rolling };
  readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: Rolling };
  /** Of a StatefulSet: its pods have a volume of each one's name. */
  readonly volumeClaimTemplates?: readonly PersistentVolumeClaim[];
};
type Rolling = {
  readonly maxSurge?: number | string;
  readonly maxUnavailable?: number | string;
  readonly partition?: number;
};

function specOf(object: KubeObject): Spec {
  return (object["spec"] ?? {}) as Spec;
}

/** Rules of a kind whose pods are restarted for ever. */
export const workloadRules: Rules = {
  prepareCreate: (object) => withTemplate(object, withRollout(specOf(object))),
  prepareUpdate: (object, _, { subresource }) =>
    subresource === "" ? withTemplate(object, withRollout(specOf(object))) : object,
  validate: (object, old) => {
    const spec = specOf(object);
    return [
      ...templateFaults(spec, ["Always"]),
      ...selectionFaults(spec),
      ...(old === undefined ? [] : immutableFaults("spec.selector", spec.selector, specOf(old).selector)),
      ...((spec.replicas ?? 0) < 0
        ? [invalidValue("spec.replicas", spec.replicas, "must be greater than or equal to 0")]
        : []),
      ...rollingFaults(spec),
    ];
  },
};

const controllerLabel = "batch.kubernetes.io/controller-uid";

/** Rules of jobs: the selector is theirs, and the template may not change. */
export const jobRules: Rules = {
  prepareCreate: (object) => {
    const spec = specOf(object) as Spec & { readonly completions?: number; readonly parallelism?: number };
    const { uid = "", name = "" } = object.metadata;
    const labels = {
      [controllerLabel]: uid,
      "batch.kubernetes.io/job-name": name,
      "controller-uid": uid,
      "job-name": name,
    };
    const template = {
      ...spec.template,
      metadata: { ...spec.template?.metadata, labels: { ...spec.template?.metadata?.labels, ...labels } },
    };
    // One completion, unless a number of workers is named and no number of completions.
    const completions =
      spec.completions ?? (object["spec"] !== undefined && given(object, "parallelism") ? undefined : 1);
    const selector = spec.selector ?? { matchLabels: { [controllerLabel]: uid } };
    return withTemplate(object, { ...spec, ...(completions === undefined ? {} : { completions }), selector, template });
  },
  prepareUpdate: (object, _, { subresource }) => (subresource === "" ? withTemplate(object, specOf(object)) : object),
  validate: (object, old) => [
    ...templateFaults(specOf(object), ["Never", "OnFailure"]),
    ...(old === undefined ? [] : immutableFaults("spec.template", specOf(object).template, specOf(old).template)),
  ],
};

function given(object: KubeObject, field: string): boolean {
  const value = (object["spec"] as Readonly<Record<string, unknown>>)[field];
  return value !== undefined && value !== 1;
}

function withTemplate(object: KubeObject, spec: Spec): KubeObject {
  const { template } = spec;
  if (template?.spec === undefined) return { ...object, spec };
  return { ...object, spec: { ...spec, template: { ...template, spec: podTemplateDefaults(template.spec) } } };
}

/** A rolling update has numbers; other strategies have none. */
function withRollout(spec: Spec): Spec {
  if (spec.strategy === undefined) return spec;
  const { type = "RollingUpdate", rollingUpdate } = spec.strategy;
  if (type !== "RollingUpdate") return { ...spec, strategy: { type } };
  return { ...spec, strategy: { type, rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%", ...rollingUpdate } } };
}

function templateFaults({ template, volumeClaimTemplates = [] }: Spec, policies: readonly string[]): readonly Cause[] {
  if (template?.spec === undefined) return [requiredValue("spec.template.spec")];
  const { restartPolicy = "Always", volumes = [] } = template.spec;
  const claims = volumeClaimTemplates
    .map(({ metadata }) => ({ name: metadata?.name ?? "" }))
    // Where both have a name, the claim takes the volume's place.
    .filter((claim) => !volumes.some(({ name }) => name === claim.name));
  return [
    ...podSpecFaults("spec.template.spec", { ...template.spec, volumes: [...volumes, ...claims] }),
    ...(policies.includes(restartPolicy)
      ? []
      : [unsupportedValue("spec.template.spec.restartPolicy", restartPolicy, policies)]),
  ];
}

function selectionFaults({ selector, template }: Spec): readonly Cause[] {
  if (selector === undefined) return [requiredValue("spec.selector")];
  const faults = selectorFaults("spec.selector", selector);
  if (faults.length > 0) return faults;
  if (isEmptySelector(selector))
    return [invalidValue("spec.selector", selector, "empty selector is invalid for this kind")];
  const labels = template?.metadata?.labels ?? {};
  if (matchesLabels(selectorOf(selector), labels)) return [];
  return [invalidValue("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")];
}

function immutableFaults(field: string, now: unknown, before: unknown): readonly Cause[] {
  return sameJson(now, before) ? [] : [invalidValue(field, now, "field is immutable")];
}

function rollingFaults({ strategy }: Spec): readonly Cause[] {
  const { rollingUpdate } = strategy ?? {};
  if (rollingUpdate === undefined) return [];
  const { maxSurge, maxUnavailable } = rollingUpdate;
  const isZero = (share: number | string | undefined) => share === 0 || share === "0%";
  const at = "spec.strategy.rollingUpdate";
  return [
    ...(isZero(maxSurge) && isZero(maxUnavailable)
      ? [invalidValue(`${at}.maxUnavailable`, maxUnavailable, "may not be 0 when `maxSurge` is 0")]
      : []),
    ...shareFaults(`${at}.maxSurge`, maxSurge),
    ...shareFaults(`${at}.maxUnavailable`, maxUnavailable),
  ];
}

function shareFaults(field: string, share: number | string | undefined): readonly Cause[] {
  if (typeof share === "string" && !/^\d+%$/.test(share)) {
    return [invalidValue(field, share, "a valid percent string must be a numeric string followed by an ending '%'")];
  }
  return typeof share === "number" && share < 0
    ? [invalidValue(field, share, "must be greater than or equal to 0")]
    : [];
}
