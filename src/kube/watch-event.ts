// One event of a watch: what it says, or the error it carries.

import { KubeError, kubeError, type Status } from "./kube-error.ts";

/** A change of an object; `BOOKMARK` only tells the revision that the watch has reached. */
export type WatchEvent<T> = { readonly type: "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK"; readonly object: T };

const types = ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"] as const;

/** Reads a line of a watch. Throws `KubeError`: what an ERROR event carries, or InternalError for what is no event. */
export function decodeWatchEvent<T>(line: string): WatchEvent<T> {
  const event = parse(line);
  const type = types.find((name) => name === event?.type);
  if (type === "BOOKMARK" ? hasMetadata(event?.object) : type !== undefined && hasName(event?.object)) {
    return { type: type ?? "BOOKMARK", object: event?.object as T };
  }
  if (event?.type === "ERROR" && typeof event.object === "object" && event.object !== null) {
    throw new KubeError(event.object as Status);
  }
  throw kubeError("InternalError", `The API server sent no watch event but "${line.slice(0, 200)}"`);
}

/** Whether something is an object of the API at all. */
export function hasName(value: unknown): boolean {
  return hasMetadata(value) && "name" in value.metadata && typeof value.metadata.name === "string";
}

function hasMetadata(value: unknown): value is { readonly metadata: object } {
  if (typeof value !== "object" || value === null || !("metadata" in value)) return false;
  return typeof value.metadata === "object" && value.metadata !== null;
}

function parse(line: string): { readonly type?: unknown; readonly object?: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}
