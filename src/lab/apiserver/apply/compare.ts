// Which fields a value has, and in which two values differ.

import { equalJson } from "#lab/apiserver/schema/json.ts";
import type { Schema } from "#lab/apiserver/schema/schema.ts";
import { type Element, elementsOf } from "./elements.ts";
import { emptySet, type FieldSet, fieldSet, leafSet, unionSets } from "./field-set.ts";

/**
 * What of the way to the leaves counts as a field of its own. `applied`: items and keys of maps, as in what a manager
 * applies. `updated`: lists and maps too, as in what an update adds. `all`: everything, as in what is gone.
 */
export type Depth = "applied" | "updated" | "all";

/** The fields of a value. */
export function fieldsIn(schema: Schema, value: unknown, depth: Depth): FieldSet {
  return fieldsOfElement({ schema, value, ...root }, depth, true);
}

function fieldsOfElement(element: Element, depth: Depth, isRoot = false): FieldSet {
  const elements = elementsOf(element.schema, element.value);
  if (elements === undefined || elements.size === 0) return isRoot ? emptySet : leafSet;
  const children = [...elements].map(([name, child]) => [name, fieldsOfElement(child, depth)] as const);
  return fieldSet(!isRoot && isMember(element, depth), children);
}

function isMember({ schema, value, named, required }: Element, depth: Depth): boolean {
  if (depth === "all" || !named) return true;
  return depth === "updated" && !required && (Array.isArray(value) || schema.properties === undefined);
}

export type Difference = { readonly added: FieldSet; readonly modified: FieldSet; readonly removed: FieldSet };

const same: Difference = { added: emptySet, modified: emptySet, removed: emptySet };

const root = { named: true, required: true } as const;

/** How `after` differs from `before`, field by field. */
export function compare(schema: Schema, before: unknown, after: unknown): Difference {
  return compareElements({ ...root, schema, value: before }, { ...root, schema, value: after });
}

function compareElements(before: Element | undefined, after: Element | undefined): Difference {
  if (before === undefined) {
    return after === undefined ? same : { ...same, added: fieldsOfElement(after, "updated") };
  }
  if (after === undefined) return { ...same, removed: fieldsOfElement(before, "all") };
  // Most of an object stays as it is in a write; comparing is cheaper than taking it apart.
  if (equalJson(before.value, after.value)) return same;
  const old = elementsOf(before.schema, before.value);
  const now = elementsOf(after.schema, after.value);
  if (old === undefined || now === undefined || Array.isArray(before.value) !== Array.isArray(after.value)) {
    return {
      added: now === undefined ? emptySet : fieldsOfElement(after, "updated"),
      modified: leafSet,
      removed: old === undefined ? emptySet : { ...fieldsOfElement(before, "all"), member: false },
    };
  }
  const names = new Set([...old.keys(), ...now.keys()]);
  const children = [...names].map((name) => [name, compareElements(old.get(name), now.get(name))] as const);
  const part = (of: keyof Difference): FieldSet =>
    fieldSet(
      false,
      children.map(([name, difference]) => [name, difference[of]] as const),
    );
  return { added: part("added"), modified: part("modified"), removed: part("removed") };
}

/** What an operation touched and what is still there. */
export function changedFields({ added, modified }: Difference): FieldSet {
  return unionSets(added, modified);
}
