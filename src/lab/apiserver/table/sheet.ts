// One kind's table: its columns, and the cells of an object.

import type { KubeObject, Metadata } from "#kube/object.ts";
import type { TableColumn } from "#lab/apiserver/table-printer.ts";

export type Sheet = {
  readonly columns: readonly TableColumn[];
  /** One per column; `now` in milliseconds. */
  readonly cells: (object: KubeObject, now: number) => readonly unknown[];
};

/** `Ready`, or `IP wide` for a column that only `-o wide` shows, or `Restarts number`. */
export function sheet<T extends { readonly metadata: Metadata }>(
  names: readonly string[],
  cells: (object: T, now: number) => readonly unknown[],
): Sheet {
  const columns = names.map((text): TableColumn => {
    const wide = text.endsWith(" wide");
    const number = text.endsWith(" number");
    const name = text.replace(/ (wide|number)$/, "");
    return {
      name,
      type: number ? "integer" : "string",
      format: name === "Name" ? "name" : "",
      description: "",
      priority: wide ? 1 : 0,
    };
  });
  return { columns, cells: cells as unknown as Sheet["cells"] };
}

/** `a,b`, and `<none>` for nothing. */
export function list(items: readonly string[]): string {
  return items.length === 0 ? "<none>" : items.join(",");
}

/** `a=1,b=2`, and `<none>` for nothing. */
export function pairs(labels: Readonly<Record<string, string>> | undefined): string {
  return list(Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`));
}

/** `a,b + 3 more...` */
export function some(items: readonly string[], most: number): string {
  const more = items.length - most;
  return more > 0 ? `${items.slice(0, most).join(",")} + ${more} more...` : list(items);
}
