// Changes of the proxy's table as one transaction in nft's own language.

import { type Change, formatElement } from "./claims.ts";
import { type ChainName, chainOf } from "./element.ts";
import { chainsBehind, chainText, tableName } from "./table.ts";

export type Transaction = {
  readonly text: string;
  /** Chains that it makes. */
  readonly chains: readonly ChainName[];
};

/** Missing chains first, then what goes, then what comes: no packet sees anything in between. */
export function transactionOf(changes: readonly Change[], known: ReadonlySet<ChainName>): Transaction {
  const chains = missingChains(changes, known);
  const removed = byMap(changes, "remove", ({ key }) => key);
  const added = byMap(changes, "add", formatElement);
  const text = [
    ...chains.map(chainText),
    ...removed.map(([map, elements]) => `delete element ${tableName} ${map} { ${elements.join(", ")} }\n`),
    ...added.map(([map, elements]) => `add element ${tableName} ${map} { ${elements.join(", ")} }\n`),
  ];
  return { text: text.join(""), chains };
}

/** In an order in which each leads only to those before it. */
function missingChains(changes: readonly Change[], known: ReadonlySet<ChainName>): readonly ChainName[] {
  const needed = changes.flatMap((change) => {
    const name = change.do === "add" ? chainOf(change.element) : undefined;
    return name === undefined ? [] : [...chainsBehind(name), name];
  });
  return [...new Set(needed)].filter((name) => !known.has(name));
}

function byMap(
  changes: readonly Change[],
  verb: Change["do"],
  format: (element: Change["element"]) => string,
): readonly (readonly [map: string, elements: readonly string[]])[] {
  const lists = new Map<string, string[]>();
  for (const { do: each, element } of changes) {
    if (each !== verb) continue;
    const list = lists.get(element.map) ?? [];
    list.push(format(element));
    lists.set(element.map, list);
  }
  return [...lists];
}
