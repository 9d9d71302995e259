// Parts of policies as objects write them, read leniently: what cannot be understood is undefined, for the caller to say so.

import { type LabelSelector, type LabelSelectorObject, selectorOf } from "#kube/selector.ts";
import { type Cidr, networkOf, parseIfAddr } from "#net/cidr.ts";

/** No labels meet both. */
export const impossible: LabelSelector = [
  { key: "a", operator: "Exists", values: [] },
  { key: "a", operator: "DoesNotExist", values: [] },
];

/**
 * One that is not written selects everything; undefined for one that an API server would not take: with an operator that there is
 * not, without the values that its operator needs, or with a label that is no text.
 */
export function readSelector(selector: LabelSelectorObject | null | undefined): LabelSelector | undefined {
  if (selector === undefined || selector === null) return [];
  if (typeof selector !== "object" || Array.isArray(selector)) return undefined;
  const matchLabels = selector.matchLabels ?? {};
  const matchExpressions = selector.matchExpressions ?? [];
  const areLabels = isFields(matchLabels) && Object.values(matchLabels).every((value) => typeof value === "string");
  if (!areLabels || !Array.isArray(matchExpressions) || !matchExpressions.every(isExpression)) return undefined;
  return selectorOf({ matchLabels, matchExpressions });
}

function isFields(value: unknown): value is { readonly [field: string]: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isExpression(value: unknown): boolean {
  if (!isFields(value) || typeof value["key"] !== "string") return false;
  const values = value["values"] ?? [];
  if (!Array.isArray(values) || !values.every((each) => typeof each === "string")) return false;
  switch (value["operator"]) {
    case "In":
    case "NotIn":
      return values.length > 0;
    case "Exists":
    case "DoesNotExist":
      return values.length === 0;
    default:
      return false;
  }
}

/** Empty where nothing is written, and for what is no list: `fault` is told. */
export function readList<T>(list: readonly T[] | null | undefined, fault: (why: string) => void): readonly T[] {
  if (Array.isArray(list)) return list;
  if (list !== undefined && list !== null) fault("it is no list, so it says nothing");
  return [];
}

/** `10.1.2.3/8` means 10.0.0.0/8, as the API has it. */
export function readBlock(text: unknown): Cidr | undefined {
  const address = typeof text === "string" && text.includes("/") ? parseIfAddr(text) : undefined;
  return address === undefined ? undefined : networkOf(address);
}
