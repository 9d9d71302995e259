// Which lab a command is about: one rule for all of them.

import { existsSync } from "node:fs";
import { delimiter, relative, resolve, sep } from "node:path";
import type { CommandIo } from "#cli/command.ts";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import { checkLabName, isLabName } from "#lab/spec.ts";
import { defaultStateRoot, placesOf } from "#lab/world/places.ts";
import { labNames, readState } from "#lab/world/state.ts";

type Env = Pick<CommandIo, "env">;

const defaultLab = "twill";

export function stateRootOf({ env }: Env): string {
  return env.get("TWILL_LAB_DIR") || defaultStateRoot;
}

/** The lab that is named, else the one that variables mean, else the only one, else `twill`. @throws LabError when it is no name */
export function labNameOf(given: string | undefined, io: Env): string {
  const name = given ?? impliedLabName(io);
  if (name !== undefined) return checkLabName(name);
  const root = stateRootOf(io);
  const [only = defaultLab, ...others] = labNames(root).filter((each) => existsSync(placesOf(each, root).spec));
  return others.length === 0 ? only : defaultLab;
}

/** The lab that `TWILL_LAB` names, else the one that `KUBECONFIG` leads to, whether it is there or not; undefined when neither says. */
export function impliedLabName(io: Env): string | undefined {
  return io.env.get("TWILL_LAB") || labOfKubeconfig(io);
}

/** Of several files, as kubectl takes them, the first counts that leads to a lab. */
function labOfKubeconfig(io: Env): string | undefined {
  const files = (io.env.get("KUBECONFIG") ?? "").split(delimiter).filter((file) => file !== "");
  const root = stateRootOf(io);
  for (const file of files) {
    const lab = ownerOf(file, root) ?? servedBy(file, root);
    if (lab !== undefined) return lab;
  }
  return undefined;
}

/** The lab whose own file it is, also when both are gone: no other lab is meant then. */
function ownerOf(file: string, root: string): string | undefined {
  const [name = ""] = relative(resolve(root), resolve(file)).split(sep);
  return isLabName(name) && resolve(file) === resolve(placesOf(name, root).kubeconfig) ? name : undefined;
}

/** The lab whose API server a copy of its file names. */
function servedBy(file: string, root: string): string | undefined {
  const server = serverOf(file);
  if (server === undefined) return undefined;
  return labNames(root).find((name) => isLabName(name) && server === serverOfLab(name, root));
}

/** Of a file that cannot be read others complain, who need it. */
function serverOf(kubeconfig: string): string | undefined {
  try {
    return readKubeconfig(kubeconfig).server;
  } catch {
    return undefined;
  }
}

function serverOfLab(name: string, root: string): string | undefined {
  try {
    const spec = readState(placesOf(name, root));
    return spec === undefined ? undefined : `https://127.0.0.1:${spec.port}`;
  } catch {
    // A lab that is broken keeps nobody from another one.
    return undefined;
  }
}
