// Parts of policies as objects write them, read leniently: what cannot be understood is undefined, for the caller to say so.

import { type LabelSelector, type LabelSelectorObject, selectorOf } from "#kube/selector.ts";
import { type Cidr, networkOf, parseIfAddr } from "#net/cidr.ts";

/** No labels meet both. */
export const impossible: LabelSelector = [
  { key: "a", operator: "Exists", values: [] },
  { key: "a", operator: "DoesNotExist", values: [] },
];

/** One that is not written selects everything; undefined for a selector with an operator that there is not. */
export function readSelector(selector: LabelSelectorObject | null | undefined): LabelSelector | undefined {
  const { matchLabels, matchExpressions } = selector ?? {};
  try {
    return selectorOf({ matchLabels: matchLabels ?? {}, matchExpressions: matchExpressions ?? [] });
  } catch {
    return undefined;
  }
}

/** `10.1.2.3/8` means 10.0.0.0/8, as the API has it. */
export function readBlock(text: string | undefined): Cidr | undefined {
  const address = text?.includes("/") === true ? parseIfAddr(text) : undefined;
  return address === undefined ? undefined : networkOf(address);
}
