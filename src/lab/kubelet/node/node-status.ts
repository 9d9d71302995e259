// What a node says of itself to the API.

import type { NodeCondition, NodeStatus } from "kubernetes-types/core/v1";
import type { Ip } from "#net/ip.ts";

export type NodeFacts = {
  readonly name: string;
  readonly ips: readonly Ip[];
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly pods: number;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly machineId: string;
  readonly bootId: string;
  readonly version: string;
  readonly architecture: string;
  readonly kubeletPort: number;
};

export function nodeLabels({ name, architecture }: NodeFacts): Readonly<Record<string, string>> {
  return {
    "kubernetes.io/hostname": name,
    "kubernetes.io/os": "linux",
    "kubernetes.io/arch": architecture,
    "beta.kubernetes.io/os": "linux",
    "beta.kubernetes.io/arch": architecture,
  };
}

/** The status without conditions: what does not change while the kubelet runs. */
export function nodeStatus(facts: NodeFacts): NodeStatus {
  const resources = {
    cpu: String(facts.cpus),
    memory: `${Math.floor(facts.memoryBytes / 1024)}Ki`,
    pods: String(facts.pods),
  };
  return {
    addresses: [
      ...facts.ips.map((address) => ({ type: "InternalIP", address })),
      { type: "Hostname", address: facts.name },
    ],
    capacity: resources,
    allocatable: resources,
    daemonEndpoints: { kubeletEndpoint: { Port: facts.kubeletPort } },
    nodeInfo: {
      architecture: facts.architecture,
      bootID: facts.bootId,
      containerRuntimeVersion: `twill://${facts.version}`,
      kernelVersion: facts.kernelVersion,
      kubeProxyVersion: "v1.30.0",
      kubeletVersion: "v1.30.0",
      machineID: facts.machineId,
      operatingSystem: "linux",
      osImage: facts.osImage,
      systemUUID: facts.machineId,
    },
  };
}

/** Ready unless the network has a problem; the moment of a transition stays as long as the condition does. */
export function nodeConditions(
  problem: string | undefined,
  before: readonly NodeCondition[],
  now: string,
): NodeCondition[] {
  const notReady = `container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady message:Network plugin returns error: ${problem}`;
  const rows: readonly (readonly [type: string, status: string, reason: string, message: string])[] = [
    ["MemoryPressure", "False", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"],
    ["DiskPressure", "False", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"],
    ["PIDPressure", "False", "KubeletHasSufficientPID", "kubelet has sufficient PID available"],
    problem === undefined
      ? ["Ready", "True", "KubeletReady", "kubelet is posting ready status"]
      : ["Ready", "False", "KubeletNotReady", notReady],
  ];
  const others = before.filter(({ type }) => rows.every(([own]) => own !== type));
  const own = rows.map(([type, status, reason, message]) => {
    const old = before.find((each) => each.type === type);
    const lastTransitionTime =
      old?.status === status && old.lastTransitionTime !== undefined ? old.lastTransitionTime : now;
    return { type, status, reason, message, lastHeartbeatTime: now, lastTransitionTime };
  });
  return [...own, ...others];
}
