// What one request is about: resource, version, place, and the request itself.

import { type KubeError, notFound } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import { apiVersionOf } from "#kube/resource.ts";
import { keyOf } from "./keys.ts";
import { type ResourceDefinition, type ResourceVersion, storedVersion } from "./registry.ts";
import type { ApiRequest } from "./request.ts";

export type Target = {
  readonly request: ApiRequest;
  readonly definition: ResourceDefinition;
  readonly version: ResourceVersion;
  /** undefined: of the cluster, or of all namespaces. */
  readonly namespace: string | undefined;
  /** "" for the collection. */
  readonly name: string;
  readonly subresource: string;
};

export function keyOfTarget({ definition, namespace, name }: Target): string {
  return keyOf(definition, namespace, name);
}

export function notFoundAt({ definition, name }: Target): KubeError {
  return notFound(definition, name);
}

/** What objects of the requested version say in `apiVersion`. */
export function apiVersionOfTarget({ definition, version }: Pick<Target, "definition" | "version">): string {
  return apiVersionOf({ group: definition.group, version: version.name });
}

/** An object as it is stored, from one in the requested version. */
export function toStored(
  { definition, version }: Pick<Target, "definition" | "version">,
  object: KubeObject,
): KubeObject {
  if (version.convert !== undefined) return version.convert.toStored(object);
  const apiVersion = apiVersionOf({ group: definition.group, version: storedVersion(definition).name });
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

/** An object in the requested version, from a stored one. */
export function fromStored(target: Pick<Target, "definition" | "version">, object: KubeObject): KubeObject {
  if (target.version.convert !== undefined) return target.version.convert.fromStored(object);
  const apiVersion = apiVersionOfTarget(target);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}
