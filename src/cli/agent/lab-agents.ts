// The agents of a lab's nodes, for commands that ask several.

import type { CommandIo } from "#cli/command.ts";
import { stateRootOf } from "#cli/lab/lab-host.ts";
import { openLab } from "#cli/lab/open-lab.ts";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import { checkLabName, LabError, type LabSpec } from "#lab/spec.ts";
import { askNode } from "#lab/world/agents.ts";
import { type Places, placesOf } from "#lab/world/places.ts";
import { labNames, readState } from "#lab/world/state.ts";

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
  const name = io.env.get("TWILL_LAB");
  const root = stateRootOf(io);
  if (name !== undefined && name !== "") return labAt(name, root);
  const server = serverOf(io.env.get("KUBECONFIG"));
  return labNames(root)
    .map((each) => labAt(each, root))
    .find((lab) => lab !== undefined && server === `https://127.0.0.1:${lab.spec.port}`);
}

function labAt(name: string, root: string): Lab | undefined {
  const places = placesOf(checkLabName(name), root);
  const spec = readState(places);
  return spec === undefined ? undefined : { places, spec };
}

/** Of a kubeconfig that cannot be read others complain, who need it. */
function serverOf(kubeconfig: string | undefined): string | undefined {
  if (kubeconfig === undefined || kubeconfig === "") return undefined;
  try {
    return readKubeconfig(kubeconfig).server;
  } catch {
    return undefined;
  }
}
