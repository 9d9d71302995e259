// `twill lab status`: the parts of a lab as a table.

import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import { checkLabName, LabError } from "#lab/spec.ts";
import { formatBytes } from "#lab/world/memory.ts";
import { findInstallation, placesOf } from "#lab/world/places.ts";
import { labNames, readState } from "#lab/world/state.ts";
import { type LabStatus, type PartStatus, readStatus } from "#lab/world/status.ts";
import { stateRootOf } from "./which-lab.ts";

type StatusCall = {
  readonly args: { readonly name: string | undefined };
  readonly flags: { readonly output: OutputFormat };
};

/** With a name one lab, else all. */
export async function labStatus({ args: { name }, flags: { output } }: StatusCall, io: CommandIo): Promise<number> {
  const stateRoot = stateRootOf(io);
  const installation = findInstallation(process.execPath);
  const names = name === undefined ? labNames(stateRoot) : [checkLabName(name)];
  const found = names.flatMap((each) => {
    const places = placesOf(each, stateRoot);
    const spec = readState(places);
    return spec === undefined ? [] : [readStatus(spec, places, installation)];
  });
  const labs = await Promise.all(found);
  if (name !== undefined && labs.length === 0) {
    throw new LabError(`Cannot find lab "${name}": start it with twill lab up ${name}`);
  }
  if (output === "json") io.stdout(`${JSON.stringify(name === undefined ? labs : labs[0], undefined, 2)}\n`);
  else io.stdout(labs.length === 0 ? "there is no lab: start one with twill lab up\n" : labs.map(formatLab).join("\n"));
  return 0;
}

function formatLab({ name, family, underlay, kubeconfig, parts, wires, problems }: LabStatus): string {
  const total = parts.reduce((sum, { memoryBytes }) => sum + memoryBytes, 0);
  const title = `lab "${name}", ${family}, ${underlay}, ${formatBytes(total)} of memory\nKUBECONFIG=${kubeconfig}\n`;
  const rows = [["NAME", "STATE", "PROCESSES", "MEMORY", "ADDRESSES"], ...parts.map(rowOf)];
  const notes = [...wires.map((wire) => `wire ${wire}\n`), ...problems.map((problem) => `problem of ${problem}\n`)];
  return `${title}\n${formatTable(rows)}${notes.join("")}`;
}

function rowOf({ name, state, processes, memoryBytes, addresses }: PartStatus): readonly string[] {
  return [name, state, String(processes), formatBytes(memoryBytes), addresses.join(" ")];
}
