// `twill policy matrix`: who reaches whom, as the policies say.

import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { type Cell, matrixOf } from "#model/policy/matrix.ts";
import { readSource, type SourceGiven } from "./source.ts";

type MatrixCall = {
  readonly flags: SourceGiven & { readonly namespace: readonly string[]; readonly output: OutputFormat };
};

export async function runMatrix({ flags }: MatrixCall, io: CommandIo): Promise<number> {
  const { world } = await readSource(flags, io);
  const cells = matrixOf(world, world.policies, flags.namespace);
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
    return [from, ...columns.map((column) => markOf(allowed.get(column)))];
  });
  return formatTable([["FROM", ...columns], ...lines]);
}

function markOf(allowed: boolean | undefined): string {
  if (allowed === undefined) return "-";
  return allowed ? "yes" : ".";
}

function columnOf({ to, traffic }: Cell): string {
  return `${to}:${traffic}`;
}
