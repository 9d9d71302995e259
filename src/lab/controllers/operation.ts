// What controllers do to the API, as values: printed in logs and tests, applied one at a time.

import { sameJson } from "#base/same-json.ts";
import type { Draft, KubeClient, RemoveOptions } from "#kube/client.ts";
import { type KubeObject, type Metadata, objectName } from "#kube/object.ts";
import type { Resource } from "#kube/resource.ts";

type Place = { readonly namespace?: string | undefined; readonly name: string; readonly subresource?: string };

/** One request, and why it is made. Patches are merge patches. */
export type Operation =
  | {
      readonly do: "create";
      readonly resource: Resource;
      readonly object: Draft<KubeObject>;
      readonly subresource?: string;
      readonly why: string;
    }
  | {
      readonly do: "patch";
      readonly resource: Resource;
      readonly place: Place;
      readonly patch: object;
      readonly why: string;
    }
  | {
      readonly do: "remove";
      readonly resource: Resource;
      readonly place: Place;
      readonly options: RemoveOptions;
      readonly why: string;
    };

type Something = { readonly metadata: Metadata };

export function create<T extends Something>(resource: Resource<T>, object: Draft<T>, why: string): Operation {
  return { do: "create", resource: untyped(resource), object: object as Draft<KubeObject>, why };
}

/** Changes fields of an object, `null` removing one. */
export function patch<T extends Something>(resource: Resource<T>, object: T, change: object, why: string): Operation {
  return { do: "patch", resource: untyped(resource), place: placeOf(object), patch: change, why };
}

/** Changes fields of an object's status. */
export function patchStatus<T extends Something>(
  resource: Resource<T>,
  object: T,
  status: object,
  why: string,
): Operation {
  const place = { ...placeOf(object), subresource: "status" };
  return { do: "patch", resource: untyped(resource), place, patch: { status }, why };
}

/** Changes an object's status to say this, unless it does already. */
export function reportStatus<T extends Something & { readonly status?: unknown }>(
  resource: Resource<T>,
  object: T,
  status: Readonly<Record<string, unknown>>,
  why: string,
): readonly Operation[] {
  const current = (object.status ?? {}) as Readonly<Record<string, unknown>>;
  const differs = Object.entries(status).some(([field, value]) => !sameJson(current[field], value));
  return differs ? [patchStatus(resource, object, status, why)] : [];
}

/** Removes this very object, not one of the same name that came after it. */
export function remove<T extends Something>(
  resource: Resource<T>,
  object: T,
  why: string,
  options: RemoveOptions = {},
): Operation {
  const { uid } = object.metadata;
  const preconditions = uid === undefined ? {} : { preconditions: { uid } };
  return {
    do: "remove",
    resource: untyped(resource),
    place: placeOf(object),
    options: { ...preconditions, ...options },
    why,
  };
}

/** The type only mattered to whoever made the operation. */
function untyped<T>({ group, version, plural, kind, namespaced }: Resource<T>): Resource {
  return { group, version, plural, kind, namespaced };
}

function placeOf({ metadata: { namespace, name = "" } }: Something): Place {
  return { namespace, name };
}

/** `create Pod shop/frontend-* (1 of 3 is there)` */
export function formatOperation(operation: Operation): string {
  const { resource, why } = operation;
  switch (operation.do) {
    case "create":
      return `create ${resource.kind} ${draftName(operation.object)} (${why})`;
    case "patch": {
      const { subresource } = operation.place;
      const what = subresource === undefined ? "" : ` ${subresource}`;
      return `patch ${resource.kind} ${placeName(operation.place)}${what} (${why})`;
    }
    case "remove":
      return `remove ${resource.kind} ${placeName(operation.place)} (${why})`;
  }
}

function placeName({ namespace, name }: Place): string {
  return objectName({ metadata: namespace === undefined ? { name } : { namespace, name } });
}

function draftName({ metadata }: Draft<KubeObject>): string {
  return metadata.name === undefined
    ? objectName({ metadata: { ...metadata, name: `${metadata.generateName ?? ""}*` } })
    : objectName({ metadata });
}

/** Sends the request; the object as it is now, undefined when it is gone. Throws `KubeError`. */
export async function applyOperation(client: KubeClient, operation: Operation): Promise<KubeObject | undefined> {
  const { resource } = operation;
  switch (operation.do) {
    case "create":
      return await client.create(resource, operation.object, operation.subresource);
    case "patch":
      return await client.patch(resource, operation.place, "merge", operation.patch);
    case "remove":
      await client.remove(resource, operation.place, operation.options);
      return undefined;
  }
}
