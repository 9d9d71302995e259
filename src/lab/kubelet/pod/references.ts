// The ConfigMaps, Secrets and service account tokens that a pod refers to.

import type { ServiceAccountTokenProjection } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { containersOf } from "./plan.ts";

export type References = {
  readonly configMaps: ReadonlySet<string>;
  readonly secrets: ReadonlySet<string>;
  readonly tokens: readonly ServiceAccountTokenProjection[];
};

export function referencesOf(pod: Pod): References {
  const { volumes = [] } = pod.spec ?? {};
  const all = containersOf(pod);
  const variables = all.flatMap(({ env = [] }) => env.map(({ valueFrom }) => valueFrom));
  const whole = all.flatMap(({ envFrom = [] }) => envFrom);
  const projected = volumes.flatMap((volume) => volume.projected?.sources ?? []);
  return {
    configMaps: names([
      ...variables.map((source) => source?.configMapKeyRef?.name),
      ...whole.map(({ configMapRef }) => configMapRef?.name),
      ...volumes.map((volume) => volume.configMap?.name),
      ...projected.map((source) => source.configMap?.name),
    ]),
    secrets: names([
      ...variables.map((source) => source?.secretKeyRef?.name),
      ...whole.map(({ secretRef }) => secretRef?.name),
      ...volumes.map((volume) => volume.secret?.secretName),
      ...projected.map((source) => source.secret?.name),
    ]),
    tokens: projected.flatMap(({ serviceAccountToken }) => serviceAccountToken ?? []),
  };
}

function names(values: readonly (string | undefined)[]): ReadonlySet<string> {
  return new Set(values.filter((value) => value !== undefined && value !== "") as readonly string[]);
}
