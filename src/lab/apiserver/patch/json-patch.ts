// JSON Patch (RFC 6902) on values that are never changed in place.

import { type KubeError, kubeError } from "#kube/kube-error.ts";
import { equalJson, type Fields, isFields, without } from "#lab/apiserver/schema/json.ts";

/** More operations than this are refused, as Kubernetes does. */
const maxOperations = 10_000;

/**
 * The object after all operations, or none of them.
 * @throws KubeError BadRequest when the patch itself is malformed, Invalid when it does not fit the object
 */
export function jsonPatch(object: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) throw malformed("a JSON patch is a list of operations");
  if (operations.length > maxOperations) {
    throw kubeError(
      "RequestEntityTooLarge",
      `The allowed maximum operations in a JSON patch is ${maxOperations}, got ${operations.length}`,
    );
  }
  return operations.reduce<unknown>((result, operation, index) => applyOperation(result, operation, index), object);
}

function applyOperation(document: unknown, operation: unknown, index: number): unknown {
  if (!isFields(operation)) throw malformed(`operation ${index} is not an object`);
  const path = pointerOf(operation, "path", index);
  switch (operation["op"]) {
    case "add":
      return add(document, path, operandOf(operation, index));
    case "remove":
      return remove(document, path);
    case "replace": {
      const value = operandOf(operation, index);
      get(document, path);
      return path.length === 0 ? value : put(document, path, (parent, key) => set(parent, key, value));
    }
    case "move": {
      const from = pointerOf(operation, "from", index);
      // "The 'from' location MUST NOT be a proper prefix of the 'path' location" (RFC 6902, 4.4).
      if (from.length < path.length && from.every((part, at) => part === path[at])) {
        throw unfit(`operation ${index} moves ${pointer(from)} into itself`);
      }
      const value = get(document, from);
      return add(remove(document, from), path, value);
    }
    case "copy":
      return add(document, path, get(document, pointerOf(operation, "from", index)));
    case "test": {
      if (equalJson(get(document, path), operandOf(operation, index))) return document;
      throw unfit(`testing path ${pointer(path)} failed`);
    }
    default:
      throw malformed(`operation ${index} has the unknown op ${JSON.stringify(operation["op"])}`);
  }
}

function operandOf(operation: Fields, index: number): unknown {
  if (!Object.hasOwn(operation, "value")) throw malformed(`operation ${index} has no value`);
  return operation["value"];
}

/** A JSON pointer (RFC 6901) as its parts. */
function pointerOf(operation: Fields, name: "path" | "from", index: number): readonly string[] {
  const text = operation[name];
  if (typeof text !== "string") throw malformed(`operation ${index} has no ${name}`);
  if (text === "") return [];
  if (!text.startsWith("/")) throw malformed(`${name} ${JSON.stringify(text)} does not begin with "/"`);
  if (/~(?![01])/.test(text)) throw malformed(`${name} ${JSON.stringify(text)} has a "~" that is neither ~0 nor ~1`);
  const parts = text.slice(1).split("/");
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function pointer(parts: readonly string[]): string {
  return parts.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}

function get(document: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, part) => child(value, part, path), document);
}

function child(value: unknown, part: string, path: readonly string[]): unknown {
  if (Array.isArray(value)) return value[indexOf(part, value.length - 1, path)];
  if (isFields(value) && Object.hasOwn(value, part)) return value[part];
  throw unfit(`${pointer(path)} does not exist`);
}

/** "array index … no leading zeros" (RFC 6901, 4). */
function indexOf(part: string, last: number, path: readonly string[]): number {
  if (!/^(0|[1-9]\d*)$/.test(part)) throw unfit(`${pointer(path)}: ${JSON.stringify(part)} is no index of a list`);
  const index = Number(part);
  if (index > last) throw unfit(`${pointer(path)}: index ${part} is out of the list`);
  return index;
}

type Container = Fields | readonly unknown[];

/** The document with one container replaced: the one that the last part of the path is in. */
function put(
  document: unknown,
  path: readonly string[],
  change: (parent: Container, key: string) => Container,
): unknown {
  const descend = (value: unknown, depth: number): Container => {
    const part = path[depth] ?? "";
    if (!Array.isArray(value) && !isFields(value)) throw unfit(`${pointer(path.slice(0, depth))} holds no fields`);
    if (depth === path.length - 1) return change(value, part);
    return set(value, part, descend(child(value, part, path), depth + 1));
  };
  return descend(document, 0);
}

function set(parent: Container, key: string, value: unknown): Container {
  return isFields(parent) ? { ...parent, [key]: value } : parent.with(Number(key), value);
}

function add(document: unknown, path: readonly string[], value: unknown): unknown {
  if (path.length === 0) return value;
  return put(document, path, (parent, key) => {
    if (isFields(parent)) return { ...parent, [key]: value };
    return parent.toSpliced(key === "-" ? parent.length : indexOf(key, parent.length, path), 0, value);
  });
}

function remove(document: unknown, path: readonly string[]): unknown {
  if (path.length === 0) throw unfit("the whole object cannot be removed");
  get(document, path);
  return put(document, path, (parent, key) => {
    if (!isFields(parent)) return parent.toSpliced(Number(key), 1);
    return without(parent, key);
  });
}

function malformed(why: string): KubeError {
  return kubeError("BadRequest", `Cannot decode the JSON patch: ${why}`);
}

function unfit(why: string): KubeError {
  return kubeError("Invalid", `Cannot apply the JSON patch: ${why}`);
}
