// `twill policy matrix`: who reaches whom, as the policies say.

import { type CommandIo, type OutputFormat, UsageError } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { type Cell, matrixOf, membersOf } from "#model/policy/matrix.ts";
import type { Party } from "#model/policy/party.ts";
import { checkNamespaces } from "./find-policy.ts";
import { progressOn } from "./progress.ts";
import { readSource, type SourceGiven } from "./source.ts";

type MatrixCall = {
  readonly flags: SourceGiven & { readonly namespace: readonly string[]; readonly output: OutputFormat };
};

/** Beyond these many it takes long, and nobody reads it. */
const maxRows = 1_000;

export async function runMatrix({ flags }: MatrixCall, io: CommandIo): Promise<number> {
  const { world } = await readSource(flags, io);
  checkNamespaces(world, flags.namespace);
  const isShown = ({ party }: { readonly party: Party }) =>
    party.party !== "pod" || flags.namespace.length === 0 || flags.namespace.includes(party.namespace);
  const members = membersOf(world).filter(isShown);
  if (members.length > maxRows)
    throw new UsageError(
      `the table would have ${members.length} rows and as many columns: -n NAMESPACE shows a part of it`,
    );
  const cells = matrixOf(world, members, progressOn(io.stderr, "rows filled"));
  if (flags.output === "json") io.stdout(`${JSON.stringify(cells, null, 2)}\n`);
  else io.stdout(cells.length === 0 ? "no pods\n" : formatMatrix(cells));
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
