// The outcomes of a probe as tables that fit a terminal: rows are sources, columns destinations.

import type { Outcome, Result } from "./attempt.ts";
import type { Destination } from "./cast.ts";

export type TableOptions = {
  /** Columns of the terminal. */
  readonly width: number;
  /** A row and a column for each pod and node instead of each workload. */
  readonly each: boolean;
};

const words: Readonly<Record<Result, string>> = {
  open: "ok",
  refused: "refused",
  unreachable: "no route",
  silent: "timeout",
  unknown: "no name",
  unresolved: "no dns",
};
/** Nobody tried: there is no way to call it from there. */
const untried = "-";
const gap = 2;

const sections: readonly { readonly title: string; readonly kinds: readonly Destination["kind"][] }[] = [
  { title: "to pods, by address", kinds: ["pod"] },
  { title: "to services and the internet, by name", kinds: ["service", "internet"] },
];

/** All sections that have outcomes, separated by blank lines. */
export function formatTables(outcomes: readonly Outcome[], options: TableOptions): string {
  const shorten = nameShortener(outcomes);
  return sections
    .map(({ title, kinds }) => ({ title, found: outcomes.filter(({ to }) => kinds.includes(to.kind)) }))
    .filter(({ found }) => found.length > 0)
    .map(({ title, found }) => formatSection(title, found, shorten, options))
    .join("\n");
}

type Cells = {
  readonly rows: readonly string[];
  readonly groups: readonly (readonly [name: string, columns: readonly Column[]])[];
  readonly at: (row: string, column: string) => string;
};
type Column = { readonly key: string; readonly name: string; readonly port: string };

/** The ports of one destination, beside each other under its name. */
type Group = {
  readonly name: string;
  readonly columns: readonly (Column & { readonly size: number })[];
  readonly size: number;
};

function formatSection(
  title: string,
  outcomes: readonly Outcome[],
  shorten: (name: string) => string,
  { width, each }: TableOptions,
): string {
  const { rows, groups, at } = cellsOf(outcomes, shorten, each);
  const first = widest(["FROM", ...rows]);
  const sized = groups.map(([name, columns]) => sizeGroup(name, columns, (key) => rows.map((row) => at(row, key))));
  const lines = bands(sized, width - first).flatMap((band, i) => {
    const columns = band.flatMap((group) => group.columns);
    const heads = band.map(({ name, size }) => name.padEnd(size));
    const line = (start: string, cell: (column: Column) => string) =>
      joined([start.padEnd(first), ...columns.map((column) => cell(column).padEnd(column.size))]);
    return [
      ...(i === 0 ? [] : [""]),
      joined(["FROM".padEnd(first), ...heads]),
      line("", ({ port }) => port),
      ...rows.map((row) => line(row, ({ key }) => at(row, key))),
    ];
  });
  return [title, "", ...lines, ""].join("\n");
}

function joined(cells: readonly string[]): string {
  return cells.join(" ".repeat(gap)).trimEnd();
}

/** A name that is longer than its columns together widens the last one. */
function sizeGroup(name: string, columns: readonly Column[], cells: (key: string) => readonly string[]): Group {
  const sizes = columns.map(({ key, port }) => widest([port, ...cells(key)]));
  const total = sizes.reduce((sum, size) => sum + size, 0) + gap * (sizes.length - 1);
  const missing = Math.max(0, name.length - total);
  const sized = columns.map((column, i) => ({
    ...column,
    size: (sizes[i] ?? 0) + (i === columns.length - 1 ? missing : 0),
  }));
  return { name, columns: sized, size: total + missing };
}

function cellsOf(outcomes: readonly Outcome[], shorten: (name: string) => string, each: boolean): Cells {
  const cells = new Map<string, Result[]>();
  const rows = new Map<string, string>();
  const columns = new Map<string, Column>();
  for (const { from, to, result } of outcomes) {
    const row = shorten(each ? from.short : from.group);
    const name = shorten(each ? to.short : to.group);
    const port = `:${to.port}${to.protocol === "udp" ? "/udp" : ""}${to.family === "ipv6" ? "/v6" : ""}`;
    const key = `${name}${port}`;
    rows.set(`${rowOrder[from.kind]} ${row}`, row);
    // The internet comes last, ports of one destination in their order.
    const order = `${to.kind === "internet" ? 1 : 0} ${name} ${String(to.port).padStart(5, "0")} ${port}`;
    columns.set(order, { key, name, port });
    const cell = `${row} ${key}`;
    cells.set(cell, [...(cells.get(cell) ?? []), result]);
  }
  return {
    rows: byKey(rows),
    groups: [...Map.groupBy(byKey(columns), ({ name }) => name)],
    at: (row, column) => formatCell(cells.get(`${row} ${column}`) ?? []),
  };
}

const rowOrder = { pod: 0, node: 1, client: 2 } as const;

function byKey<T>(map: ReadonlyMap<string, T>): readonly T[] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, value]) => value);
}

/** One word when all went alike; else how many of them are open. */
function formatCell(results: readonly Result[]): string {
  const [first] = results;
  if (first === undefined) return untried;
  if (results.every((result) => result === first)) return words[first];
  return `${results.filter((result) => result === "open").length} of ${results.length}`;
}

/** Leaves the namespace out where all pods are of the same one. */
function nameShortener(outcomes: readonly Outcome[]): (name: string) => string {
  const names = outcomes
    .flatMap(({ from, to }) => [from, to])
    .filter(({ kind }) => kind === "pod")
    .map(({ name }) => name);
  const namespaces = new Set(names.map((name) => name.slice(0, name.indexOf("/") + 1)));
  const [only = ""] = namespaces;
  return namespaces.size === 1 ? (name) => (name.startsWith(only) ? name.slice(only.length) : name) : (name) => name;
}

/** Groups that fit beside each other; a band has at least one. */
function bands<T extends { readonly size: number }>(columns: readonly T[], width: number): readonly (readonly T[])[] {
  const all: T[][] = [];
  let left = 0;
  for (const column of columns) {
    const size = gap + column.size;
    const band = all.at(-1);
    if (band !== undefined && size <= left) band.push(column);
    else {
      all.push([column]);
      left = width;
    }
    left -= size;
  }
  return all;
}

function widest(texts: readonly string[]): number {
  return Math.max(...texts.map(({ length }) => length));
}

/** `57 of 60 are open` */
export function formatSummary(outcomes: readonly Outcome[]): string {
  const open = outcomes.filter(({ result }) => result === "open").length;
  return open === outcomes.length
    ? `all ${open} connections are open`
    : `${open} of ${outcomes.length} connections are open`;
}
