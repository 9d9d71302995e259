// Which elements the services want between them, and what changes when one of them wants others.

import { Claims } from "#model/service/claims.ts";
import type { Element } from "./element.ts";

/** One step towards what is wanted. An element whose value changes is removed and added. */
export type Change = { readonly do: "add" | "remove"; readonly element: Element };

/** Elements by their owners: of two services that want different values under one key, the one whose name comes first has it. */
export class ElementClaims {
  readonly #claims = new Claims<Element>((a, b) => a.value === b.value);

  /** Replaces all that an owner wants; costs as much as that, whatever the others want. */
  replace(owner: string, elements: readonly Element[]): readonly Change[] {
    const wishes = new Map(elements.map((element) => [`${element.map} ${element.key}`, element]));
    return this.#claims.replace(owner, wishes).flatMap(({ before, after }) => difference(before, after));
  }

  /** Everything, as changes of an empty table. */
  all(): readonly Change[] {
    return [...this.#claims.entries()].map(([, element]) => ({ do: "add", element }));
  }
}

function difference(before: Element | undefined, after: Element | undefined): readonly Change[] {
  return [
    ...(before === undefined ? [] : [{ do: "remove", element: before } as const]),
    ...(after === undefined ? [] : [{ do: "add", element: after } as const]),
  ];
}

/** `add services4 10.96.0.20 . tcp . 80 : goto pick4_2` */
export function showChange({ do: verb, element }: Change): string {
  return `${verb} ${element.map} ${formatElement(element)}`;
}

/** `10.96.0.20 . tcp . 80 : goto pick4_2`, as nft(8) writes it. */
export function formatElement({ key, value }: Pick<Element, "key" | "value">): string {
  return value === undefined ? key : `${key} : ${value}`;
}
