// The order of a list that two sides had a hand in: the one who changes it, and the server.

type Ordering = {
  /** The merged list. */
  readonly list: readonly unknown[];
  /** The list as it was on the server. */
  readonly before: readonly unknown[];
  /** The order wanted: items, or just what tells them apart. */
  readonly order: readonly unknown[];
  /** What tells an item apart, the same text for the same item. */
  readonly keyOf: (item: unknown) => string;
};

/**
 * Items that the order names come in that order; those that only the server has keep their order among themselves,
 * and stand before a named item if they stood before it on the server.
 */
export function orderList({ list, before, order, keyOf }: Ordering): readonly unknown[] {
  const inOrder = places(order, keyOf);
  const inBefore = places(before, keyOf);
  const placeIn = (among: ReadonlyMap<string, number>) => (item: unknown) => among.get(keyOf(item)) ?? -1;
  const wantedPlace = placeIn(inOrder);
  const oldPlace = placeIn(inBefore);

  const named = list.filter((item) => wantedPlace(item) >= 0).sort((a, b) => wantedPlace(a) - wantedPlace(b));
  const others = list.filter((item) => wantedPlace(item) < 0).sort((a, b) => oldPlace(a) - oldPlace(b));
  const result: unknown[] = [];
  let next = 0;
  for (const item of named) {
    const at = oldPlace(item);
    while (at >= 0 && next < others.length && oldPlace(others[next]) < at) result.push(others[next++]);
    result.push(item);
  }
  return [...result, ...others.slice(next)];
}

/** Where each key stands first. */
function places(list: readonly unknown[], keyOf: (item: unknown) => string): ReadonlyMap<string, number> {
  return new Map(list.map((item, index) => [keyOf(item), index] as const).reverse());
}
