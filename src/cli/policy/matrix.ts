// `twill policy matrix`, `try` and `assert`: who reaches whom, what a new policy would change, and whether it is as expected.

import { readFileSync } from "node:fs";
import { type CommandIo, type OutputFormat, UsageError } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import type { KubeObject } from "#kube/object.ts";
import { readManifests } from "#lab/manifests/read.ts";
import { evaluate } from "#model/policy/evaluate.ts";
import { explain } from "#model/policy/explain.ts";
import { type Cell, changedCells, matrixOf } from "#model/policy/matrix.ts";
import { worldOf } from "#model/policy/world.ts";
import { destinationsOf, parseTarget, partiesOf } from "./ends.ts";
import { readSource, type SourceGiven } from "./source.ts";

type MatrixCall = { readonly flags: SourceGiven & { readonly output: OutputFormat } };
type FileCall = { readonly flags: SourceGiven & { readonly file: readonly string[]; readonly output: OutputFormat } };

export async function runMatrix({ flags }: MatrixCall, io: CommandIo): Promise<number> {
  const { world } = await readSource(flags, io);
  const cells = matrixOf(world);
  if (flags.output === "json") io.stdout(`${JSON.stringify(cells, null, 2)}\n`);
  else io.stdout(formatMatrix(cells));
  return 0;
}

/** Sources as rows, destinations with their ports as columns; a point where nothing is allowed. */
function formatMatrix(cells: readonly Cell[]): string {
  const columns = [...new Set(cells.map(columnOf))];
  const rows = Map.groupBy(cells, ({ from }) => from);
  const lines = [...rows].map(([from, own]) => {
    const allowed = new Map(own.map((cell) => [columnOf(cell), cell.allowed]));
    return [from, ...columns.map((column) => (allowed.get(column) === true ? "yes" : "."))];
  });
  return formatTable([["FROM", ...columns], ...lines]);
}

function columnOf({ to, traffic }: Cell): string {
  return `${to}:${traffic}`;
}

/** What applying files would change: who loses and who gains what. 0 when nothing does. */
export async function runTry({ flags }: FileCall, io: CommandIo): Promise<number> {
  const { objects } = await readSource(flags, io);
  const added = readManifests(flags.file).map(({ object }) => object);
  const identity = ({ kind, metadata }: KubeObject) => `${kind} ${metadata.namespace ?? "default"}/${metadata.name}`;
  const replaced = new Set(added.map(identity));
  const after = [...objects.filter((object) => !replaced.has(identity(object))), ...added];
  const changes = changedCells(matrixOf(worldOf(objects)), matrixOf(worldOf(after)));
  if (flags.output === "json") io.stdout(`${JSON.stringify(changes, null, 2)}\n`);
  else if (changes.length === 0) io.stdout("nothing would change\n");
  else {
    const rows = changes.map((cell) => [cell.allowed ? "gains" : "loses", cell.from, "→", columnOf(cell)]);
    io.stdout(formatTable(rows));
  }
  return changes.length === 0 ? 0 : 1;
}

/** One line of a file of expectations. */
type Expectation = { readonly from: string; readonly to: string; readonly allowed: boolean };

/** 0 when all expectations hold. Each that does not is explained. */
export async function runAssert({ flags }: FileCall, io: CommandIo): Promise<number> {
  const { world } = await readSource(flags, io);
  const expectations = flags.file.flatMap(readExpectations);
  const failures = expectations.flatMap(({ from, to, allowed }) =>
    partiesOf(world, from, "default").flatMap((source) =>
      destinationsOf(world, parseTarget(to), "default").flatMap(({ to: target, traffic }) => {
        const verdict = evaluate(world.policies, source, target, traffic);
        return verdict.allowed === allowed
          ? []
          : [{ from, to, allowed, text: explain(source, target, traffic, verdict) }];
      }),
    ),
  );
  if (flags.output === "json")
    io.stdout(`${JSON.stringify({ expectations: expectations.length, failures }, null, 2)}\n`);
  else {
    for (const { from, to, allowed, text } of failures) {
      io.stdout(
        `expected ${from} → ${to} to be ${allowed ? "allowed" : "denied"}, but\n${text.replaceAll(/^(?=.)/gm, "  ")}\n`,
      );
    }
    io.stdout(`${expectations.length - failures.length} of ${expectations.length} expectations hold\n`);
  }
  return failures.length === 0 ? 0 : 1;
}

/** A YAML list of `{from, to, allowed}`. @throws UsageError naming the file and the entry */
function readExpectations(file: string): readonly Expectation[] {
  const value: unknown = Bun.YAML.parse(readFileSync(file, "utf8"));
  if (!Array.isArray(value))
    throw new UsageError(`${file} is no list of expectations like {from: shop/a, to: shop/b:80, allowed: true}`);
  return value.map((entry: unknown, index) => {
    const { from, to, allowed } = (typeof entry === "object" && entry !== null ? entry : {}) as Record<string, unknown>;
    if (typeof from === "string" && typeof to === "string" && typeof allowed === "boolean")
      return { from, to, allowed };
    throw new UsageError(`${file} entry ${index + 1} lacks from, to or allowed: ${JSON.stringify(entry)}`);
  });
}
