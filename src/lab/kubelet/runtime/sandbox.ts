// Making and removing the sandbox of a pod: namespaces held by a pause process, attached to the node's network.

import { randomUUID } from "node:crypto";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import type { JsonObject } from "#cni/json.ts";
import { unmount } from "#kernel/mount.ts";
import { processesIn, removeGroup } from "#lab/cgroup.ts";
import type { Ip } from "#net/ip.ts";
import type { Attachment, NodeNetwork } from "./network.ts";
import type { PodTool } from "./pod-tool.ts";
import type { SandboxRecord, StateDir } from "./state-dir.ts";

/** What a pod asks of its sandbox. */
export type SandboxRequest = {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  readonly hostIPC: boolean;
  readonly sharedProcesses: boolean;
  readonly sysctls: readonly (readonly [name: string, value: string])[];
  readonly capabilityArgs: JsonObject;
  readonly cniArgs: readonly (readonly [string, string])[];
};

export type SandboxPlace = {
  readonly tool: PodTool;
  readonly network: NodeNetwork;
  readonly state: StateDir;
  /** Folder of the control groups of the node's pods. */
  readonly cgroup: string;
  /** Where namespaces get names, in the node's own mount namespace. */
  readonly netnsDir: string;
  readonly nodeIps: readonly Ip[];
  readonly log: (line: string) => void;
};

/** The underscore is in no container's name. */
export const sandboxCgroup = "_sandbox";

/**
 * Starts the pause process and asks the network for an interface.
 * @throws PodToolError, CniError; nothing is left then.
 */
export async function startSandbox(place: SandboxPlace, request: SandboxRequest): Promise<SandboxRecord> {
  const { state, network } = place;
  const { uid, namespace, name, hostNetwork } = request;
  const containerId = randomUUID().replaceAll("-", "") + randomUUID().replaceAll("-", "");
  const netns = join(place.netnsDir, `cni-${randomUUID()}`);
  const list = hostNetwork ? undefined : await network.current();
  const attachment: Attachment = {
    containerId,
    netns,
    network: list?.name ?? "",
    args: [...request.cniArgs, ["K8S_POD_INFRA_CONTAINER_ID", containerId]],
    capabilityArgs: request.capabilityArgs,
  };
  const base = { uid, namespace, name, hostNetwork, attachment: hostNetwork ? undefined : attachment, ready: false };
  const planned: SandboxRecord = { ...base, pid: 0, ips: [] };
  state.saveSandbox(planned);
  try {
    mkdirSync(place.netnsDir, { recursive: true });
    const pid = Number(await place.tool.call(pauseArgs(place, request, netns)));
    if (list === undefined) return saved(state, { ...planned, pid, ready: true, ips: place.nodeIps });
    saved(state, { ...planned, pid });
    const ips = await network.attach(list, attachment);
    return saved(state, { ...planned, pid, ready: true, ips });
  } catch (error) {
    // What failed was undone by the chain itself, and containerd does not ask for it again either.
    await removeSandbox(place, { ...planned, attachment: hostNetwork ? undefined : { ...attachment, network: "" } });
    throw error;
  }
}

function pauseArgs({ cgroup, netnsDir }: SandboxPlace, request: SandboxRequest, netns: string): readonly string[] {
  const made = [
    ...(request.hostNetwork ? [] : ["net", "uts"]),
    ...(request.hostIPC ? [] : ["ipc"]),
    ...(request.sharedProcesses ? ["pid"] : []),
  ];
  return [
    "start",
    ...["--cgroup", join(cgroup, request.uid, sandboxCgroup), "--detach", "--cwd", netnsDir],
    ...(made.length === 0 ? [] : ["--new", made.join(",")]),
    ...(request.hostNetwork ? [] : ["--keep", `net:${netns}`, "--hostname", request.hostname]),
    ...request.sysctls.flatMap(([name, value]) => ["--sysctl", `${name}=${value}`]),
    ...["--self", "--", "pause"],
  ];
}

/** Whether the sandbox's process is there: its number alone may be somebody else's by now. */
export function isAlive({ cgroup }: Pick<SandboxPlace, "cgroup">, { uid, pid }: SandboxRecord): boolean {
  return processesIn(join(cgroup, uid, sandboxCgroup)).includes(pid);
}

/**
 * Takes the network away, ends what runs, removes the namespace's name. DEL is called twice, as containerd does: with the
 * namespace, then without. Failures of plugins are logged and tried again with the next call; returns whether all is gone.
 */
export async function removeSandbox(place: SandboxPlace, record: SandboxRecord): Promise<boolean> {
  const { network, state } = place;
  const { attachment } = record;
  if (attachment !== undefined && attachment.network !== "") {
    try {
      const list = await network.networkOf(attachment);
      if (list !== undefined) {
        await network.detach(list, attachment);
        unmount(attachment.netns);
        await network.forget(list, attachment);
      }
    } catch (error) {
      place.log(`Cannot detach pod ${record.namespace}/${record.name} from its network: ${messageOf(error)}`);
      return false;
    }
  }
  if (attachment !== undefined) {
    unmount(attachment.netns);
    rmSync(attachment.netns, { force: true });
  }
  await removeGroup(join(place.cgroup, record.uid), Bun.sleep);
  state.forgetSandbox(record.uid);
  return true;
}

function saved(state: StateDir, record: SandboxRecord): SandboxRecord {
  state.saveSandbox(record);
  return record;
}
