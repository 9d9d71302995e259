// What a node's kubelet is told when it starts: a file that `up` writes and the kubelet reads.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { LabFamily, ServiceKind } from "./spec.ts";

export type NodeConfig = {
  readonly lab: string;
  readonly node: string;
  readonly family: LabFamily;
  /** The node's own, the lab's first family first. */
  readonly addresses: readonly string[];
  /** Where pods ask for names: cluster DNS's own addresses, those of its service. */
  readonly dns: readonly string[];
  readonly services: ServiceKind;
  /** State of the node, where the host and the node both find it. */
  readonly folder: string;
  /** The node's control group; pods are below `pods`. */
  readonly cgroup: string;
  readonly kubeconfig: string;
  /** Folder with `server.crt` and `server.key`, by which the kubelet shows itself, and `ca.crt`, which vouches for who asks. */
  readonly pki: string;
  /** Whether the kubelet writes the node's conflist; else an agent does. */
  readonly ownConflist: boolean;
  /** The conflist that the lab was given; absent: the lab's own. */
  readonly cni?: string | undefined;
};

/** In the node's folder. */
export function nodeConfigPath(folder: string): string {
  return join(folder, "kubelet", "config.json");
}

/** In the node's folder: the number of the kubelet's process, once it has told the API of its node and looks after the pods. */
export function servingPath(folder: string): string {
  return join(folder, "kubelet", "serving");
}

export function formatNodeConfig(config: NodeConfig): string {
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** Reads what `formatNodeConfig` wrote. @throws what node:fs and JSON.parse throw */
export function readNodeConfig(path: string): NodeConfig {
  return JSON.parse(readFileSync(path, "utf8")) as NodeConfig;
}
