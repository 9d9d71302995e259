// The order of a list after a strategic merge patch that names one ($setElementOrder).

import { equalJson, fieldOf, isFields } from "#lab/apiserver/schema/json.ts";

type Ordering = {
  /** The merged list. */
  readonly list: readonly unknown[];
  /** The list as it was on the server. */
  readonly before: readonly unknown[];
  /** What $setElementOrder says: values, or objects with just the merge key. */
  readonly order: readonly unknown[];
  readonly mergeKey: string | undefined;
};

/**
 * Items that the order names come in that order; those that only the server has keep their order among themselves,
 * and stand before a named item if they stood before it on the server.
 */
export function orderList({ list, before, order, mergeKey }: Ordering): readonly unknown[] {
  const keyOf = (item: unknown): unknown => (mergeKey !== undefined && isFields(item) ? fieldOf(item, mergeKey) : item);
  const place = (among: readonly unknown[], item: unknown): number =>
    among.findIndex((other) => equalJson(keyOf(other), keyOf(item)));
  const by = (among: readonly unknown[]) => (a: unknown, b: unknown) => place(among, a) - place(among, b);

  const named = list.filter((item) => place(order, item) !== -1).sort(by(order));
  const others = list.filter((item) => place(order, item) === -1).sort(by(before));
  const result: unknown[] = [];
  for (const item of named) {
    const at = place(before, item);
    while (at !== -1 && others.length > 0 && place(before, others[0]) < at) result.push(others.shift());
    result.push(item);
  }
  return [...result, ...others];
}
