// How large and how deep an object may be once it is decoded: aliases of YAML and copies of JSON patches make much of few bytes.

import { badRequest, kubeError } from "#kube/kube-error.ts";

/** What an API server takes at most as a body (its limit for JSON and protobuf), and what an object may have as JSON. */
export const maxBodyBytes = 3 * 2 ** 20;
/** Deeper than any schema, and far from what the engine's stack can bear. */
const maxDepth = 500;

type Node = { readonly value: unknown; readonly depth: number };

/** Throws BadRequest or RequestEntityTooLarge. Stops at the limit: what lies behind it costs nothing. */
export function checkExtent(root: unknown): void {
  const pending: Node[] = [{ value: root, depth: 0 }];
  let characters = 0;
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const { value, depth } = node;
    if (depth > maxDepth) throw badRequest(`the object is nested more than ${maxDepth} deep`);
    // A value and what separates it from the next take two characters at least.
    characters += 2 + (typeof value === "string" ? value.length : 0);
    if (typeof value === "object" && value !== null) {
      for (const [name, inside] of Object.entries(value)) {
        if (!Array.isArray(value)) characters += name.length;
        pending.push({ value: inside, depth: depth + 1 });
      }
    }
    if (characters > maxBodyBytes) throw tooLarge();
  }
}

export function tooLarge(): Error {
  return kubeError("RequestEntityTooLarge", `Request entity too large: limit is ${maxBodyBytes}`);
}
