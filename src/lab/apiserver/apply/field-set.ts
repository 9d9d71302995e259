// Sets of fields: who manages what. A tree whose paths are written as Kubernetes writes them (FieldsV1).

import { type Fields, isFields } from "#lab/apiserver/schema/json.ts";

/**
 * A node of the tree. `member` says that the path to here is in the set itself; children are paths through here.
 * A path element is `f:NAME` (a field), `k:{"name":"web"}` (an item of a list by its keys), `v:"a"` (an item of a set).
 */
export type FieldSet = { readonly member: boolean; readonly children: ReadonlyMap<string, FieldSet> };

export const emptySet: FieldSet = { member: false, children: new Map() };
export const leafSet: FieldSet = { member: true, children: new Map() };

export function fieldSet(member: boolean, children: Iterable<readonly [string, FieldSet]>): FieldSet {
  const kept = [...children].filter(([, child]) => !isEmptySet(child));
  return { member, children: new Map(kept) };
}

export function isEmptySet({ member, children }: FieldSet): boolean {
  return !member && children.size === 0;
}

export function unionSets(a: FieldSet, b: FieldSet): FieldSet {
  const children = new Map(a.children);
  for (const [element, child] of b.children) {
    const own = children.get(element);
    children.set(element, own === undefined ? child : unionSets(own, child));
  }
  return { member: a.member || b.member, children };
}

export function intersectSets(a: FieldSet, b: FieldSet): FieldSet {
  const both = [...a.children].flatMap(([element, child]) => {
    const other = b.children.get(element);
    return other === undefined ? [] : [[element, intersectSets(child, other)] as const];
  });
  return fieldSet(a.member && b.member, both);
}

/** What is in `a` and not in `b`, path by path: a member of `b` does not take what lies below it along. */
export function subtractSets(a: FieldSet, b: FieldSet): FieldSet {
  const left = [...a.children].map(([element, child]) => {
    const other = b.children.get(element);
    return [element, other === undefined ? child : subtractSets(child, other)] as const;
  });
  return fieldSet(a.member && !b.member, left);
}

export function equalSets(a: FieldSet, b: FieldSet): boolean {
  if (a.member !== b.member || a.children.size !== b.children.size) return false;
  return [...a.children].every(([element, child]) => {
    const other = b.children.get(element);
    return other !== undefined && equalSets(child, other);
  });
}

/** Paths of the members, each as its elements. */
export function pathsOf({ member, children }: FieldSet, above: readonly string[] = []): readonly (readonly string[])[] {
  const below = sorted(children).flatMap(([element, child]) => pathsOf(child, [...above, element]));
  return member ? [above, ...below] : below;
}

/** FieldsV1: `{}` is a member, `"."` a member with others below it (ManagedFieldsEntry of the API reference). */
export function formatFieldsV1({ member, children }: FieldSet): Fields {
  const below = sorted(children).map(([element, child]) => [element, formatFieldsV1(child)] as const);
  return Object.fromEntries(member && below.length > 0 ? [[".", {}], ...below] : below);
}

/** Elements of unknown kinds are kept as they are. What is not even an object counts as empty. */
export function parseFieldsV1(fields: unknown): FieldSet {
  if (!isFields(fields)) return emptySet;
  const below = Object.entries(fields).filter(([element]) => element !== ".");
  const children = below.map(([element, child]) => {
    const set = parseFieldsV1(child);
    return [element, isEmptySet(set) ? leafSet : set] as const;
  });
  return { member: Object.hasOwn(fields, "."), children: new Map(children) };
}

/** As conflicts name a path: `.spec.containers[name="web"].image`. */
export function formatPath(path: readonly string[]): string {
  return path.map(formatElement).join("");
}

function formatElement(element: string): string {
  const text = element.slice(2);
  if (element.startsWith("f:")) return `.${text}`;
  if (!element.startsWith("k:")) return element.startsWith("v:") ? `[=${text}]` : `[${text}]`;
  const keys: unknown = JSON.parse(text);
  const parts = Object.entries(isFields(keys) ? keys : {}).map(([name, value]) => `${name}=${JSON.stringify(value)}`);
  return `[${parts.join(",")}]`;
}

function sorted(children: ReadonlyMap<string, FieldSet>): readonly (readonly [string, FieldSet])[] {
  return [...children].sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}
