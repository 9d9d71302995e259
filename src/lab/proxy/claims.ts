// Which elements the services want between them, and what changes when one of them wants others.

import type { Element } from "./element.ts";

/** One step towards what is wanted. An element whose value changes is removed and added. */
export type Change = { readonly do: "add" | "remove"; readonly element: Element };

/**
 * Elements by their owners. Several services may want the same element; of two that want different values under one key, such as
 * an external address with the same port, the one whose name comes first has it.
 */
export class Claims {
  /** By `map key`: what each owner wants there. */
  readonly #wanted = new Map<string, Map<string, Element>>();
  readonly #owned = new Map<string, readonly string[]>();

  /** Replaces all that an owner wants; costs as much as that, whatever the others want. */
  replace(owner: string, elements: readonly Element[]): readonly Change[] {
    const next = new Map(elements.map((element) => [`${element.map} ${element.key}`, element]));
    const touched = new Set([...(this.#owned.get(owner) ?? []), ...next.keys()]);
    const changes = [...touched].flatMap((id) => {
      const wishes = this.#wanted.get(id) ?? new Map<string, Element>();
      const before = winner(wishes);
      const wish = next.get(id);
      if (wish === undefined) wishes.delete(owner);
      else wishes.set(owner, wish);
      if (wishes.size === 0) this.#wanted.delete(id);
      else this.#wanted.set(id, wishes);
      return difference(before, winner(wishes));
    });
    if (next.size === 0) this.#owned.delete(owner);
    else this.#owned.set(owner, [...next.keys()]);
    return changes;
  }

  /** Everything, as changes of an empty table. */
  all(): readonly Change[] {
    return [...this.#wanted.values()].flatMap((wishes) => difference(undefined, winner(wishes)));
  }
}

function winner(wishes: ReadonlyMap<string, Element>): Element | undefined {
  let first: string | undefined;
  for (const owner of wishes.keys()) if (first === undefined || owner < first) first = owner;
  return first === undefined ? undefined : wishes.get(first);
}

function difference(before: Element | undefined, after: Element | undefined): readonly Change[] {
  if (before?.value === after?.value && (before === undefined) === (after === undefined)) return [];
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
