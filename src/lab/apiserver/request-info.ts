// What a path of the API names: group, version, namespace, resource, object, subresource.

import { badRequest } from "#kube/kube-error.ts";

/** Below `/api/v1` or `/apis/GROUP/VERSION`. */
export type ResourcePath = {
  readonly group: string;
  readonly version: string;
  /** undefined: of the cluster, or of all namespaces. */
  readonly namespace: string | undefined;
  readonly plural: string;
  /** undefined: the collection. */
  readonly name: string | undefined;
  /** Everything after the name, such as `status`; "" for the object itself. */
  readonly subresource: string;
};

/** Reads a path; undefined when it names no resource. Throws BadRequest for broken percent-encoding. */
export function parseResourcePath(path: string): ResourcePath | undefined {
  const [, root, ...parts] = path.replace(/\/$/, "").split("/").map(decode);
  const group = root === "api" ? "" : root === "apis" ? parts.shift() : undefined;
  const version = parts.shift();
  if (group === undefined || version === undefined || parts.length === 0) return undefined;
  if (parts[0] === "namespaces" && parts.length > 2 && !ofNamespaceItself(parts)) {
    const [, namespace, plural = "", name, ...rest] = parts;
    return { group, version, namespace, plural, name, subresource: rest.join("/") };
  }
  const [plural = "", name, ...rest] = parts;
  return { group, version, namespace: undefined, plural, name, subresource: rest.join("/") };
}

/** `/api/v1/namespaces/shop/status` is of the namespace, `/api/v1/namespaces/shop/pods` in it. */
function ofNamespaceItself(parts: readonly string[]): boolean {
  return parts.length === 3 && (parts[2] === "status" || parts[2] === "finalize");
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw badRequest(`Cannot read the path: "${part}" is not percent-encoded text`);
  }
}
