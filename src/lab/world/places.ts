// Where a lab's things are: its state folder, its control groups, and the executables it is made of.

import { existsSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { cgroupMount } from "#kernel/cgroup-mount.ts";
import type { StationPath } from "#lab/fabric/station.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import { LabError } from "#lab/spec.ts";

/** Holds one folder a lab. */
export const defaultStateRoot = "/run/twill/lab";
/** Below the mount of cgroup v2. */
const cgroupName = "twill-lab";

/** The files that a lab's processes are. */
export type Installation = {
  readonly twill: string;
  readonly pod: string;
  /** Folder of the standard CNI plugins. */
  readonly plugins: string;
};

export type Places = {
  readonly name: string;
  /** The state folder. */
  readonly folder: string;
  readonly spec: string;
  readonly control: string;
  readonly kubeconfig: string;
  /** The control group that everything of the lab is in. */
  readonly cgroup: string;
};

export function placesOf(name: string, stateRoot: string): Places {
  const folder = join(stateRoot, name);
  return {
    name,
    folder,
    spec: join(folder, "lab.json"),
    control: join(folder, "control"),
    kubeconfig: join(folder, "control", "admin.kubeconfig"),
    cgroup: join(cgroupMount(ownCgroupMount(stateRoot)), cgroupName, name),
  };
}

/** Where labs mount cgroup v2 on a machine that has it nowhere. No lab can be called so. */
export function ownCgroupMount(stateRoot: string): string {
  return join(stateRoot, ".cgroup");
}

/** How the operator reaches the API server. */
export function operatorKubeconfig({ control }: Pick<Places, "control">): string {
  return join(control, "operator.kubeconfig");
}

export type NodePlaces = {
  readonly folder: string;
  /** Folders of the host that the node has as its own, by where it sees them. */
  readonly own: readonly (readonly [inside: string, folder: string])[];
  readonly kubelet: string;
  /** What the node's agent is told: `kubeconfig` and `config.yaml`. */
  readonly agent: string;
  readonly pods: string;
  readonly layers: string;
  readonly confDir: string;
  readonly cgroup: string;
};

export function nodePlaces(places: Pick<Places, "folder" | "cgroup">, node: string): NodePlaces {
  const folder = join(places.folder, "nodes", node);
  return {
    folder,
    own: [
      ["/etc/cni/net.d", join(folder, "etc-cni")],
      ["/var/lib/cni", join(folder, "var-lib-cni")],
      ["/var/lib/twill", join(folder, "var-lib-twill")],
      ["/run", join(folder, "run")],
    ],
    kubelet: join(folder, "kubelet"),
    agent: join(folder, "agent"),
    pods: join(folder, "pods"),
    layers: join(folder, "layers"),
    confDir: join(folder, "etc-cni"),
    cgroup: join(places.cgroup, nodeStation(node)),
  };
}

/** The group of a node's agent. */
export function agentGroup(places: Pick<Places, "cgroup">, node: string): string {
  return join(places.cgroup, nodeStation(node), "agent");
}

/** The group of the process that holds a station's namespaces. */
export function holderGroup(places: Pick<Places, "cgroup">, station: StationPath): string {
  return join(places.cgroup, station, "init");
}

/** The executables beside the one that runs. @throws LabError naming what is missing. */
export function findInstallation(execPath: string): Installation {
  const folder = dirname(execPath);
  const found = { twill: execPath, pod: join(folder, "twill-pod"), plugins: join(folder, "cni", "bin") };
  if (/^bun(-debug)?$/.test(basename(execPath))) {
    throw new LabError(
      "Cannot start a lab from the sources: its processes are the built executable, make it with make build",
    );
  }
  for (const path of [found.pod, join(found.plugins, "bridge")]) {
    if (!existsSync(path)) throw new LabError(`Cannot start a lab: ${path} is missing, make it with make build`);
  }
  return found;
}
