// The agents of a lab's nodes, for commands that ask several.

import type { CommandIo } from "#cli/command.ts";
import { openLab } from "#cli/lab/open-lab.ts";
import { impliedLabName, stateRootOf } from "#cli/lab/which-lab.ts";
import { checkLabName, LabError, type LabSpec } from "#lab/spec.ts";
import { askNode } from "#lab/world/agents.ts";
import { type Places, placesOf } from "#lab/world/places.ts";
import { readState } from "#lab/world/state.ts";

type Lab = { readonly places: Places; readonly spec: LabSpec };

/** Those of nodes that are up; undefined: no lab is meant. @throws LabError when the one that is named is not up, or has none */
export function agentsOfLab(name: string | undefined, io: CommandIo) {
  const lab = name === undefined ? impliedLab(io) : openLab(name, io);
  if (lab === undefined) return undefined;
  const { places, spec } = lab;
  if (spec.agents === undefined)
    throw new LabError(
      `Cannot ask the agents of lab "${spec.name}": it has none, as it was started with --plugins or --cni`,
    );
  return spec.nodes
    .filter(({ running }) => running)
    .map(({ name: node }) => ({ where: node, ask: <T>(line: string) => askNode<T>(places, node, line) }));
}

/** The lab that a variable means, if it is there: within a node of a lab it is not. */
function impliedLab(io: CommandIo): Lab | undefined {
  const name = impliedLabName(io);
  if (name === undefined) return undefined;
  const places = placesOf(checkLabName(name), stateRootOf(io));
  const spec = readState(places);
  return spec === undefined ? undefined : { places, spec };
}
