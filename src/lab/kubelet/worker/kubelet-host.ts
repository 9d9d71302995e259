// What the workers of pods share: the node's runtime, its client of the API, its clock.

import type { KubeClient } from "#kube/client.ts";
import type { EventRecorder } from "#kube/event-recorder.ts";
import type { Pod, Service } from "#kube/kinds.ts";
import type { ObjectCache } from "#lab/kubelet/node/object-cache.ts";
import type { ClusterDns } from "#lab/kubelet/pod/resolver.ts";
import type { Containers } from "#lab/kubelet/runtime/containers.ts";
import type { SandboxPlace } from "#lab/kubelet/runtime/sandbox.ts";
import type { ContainerExec } from "./container-exec.ts";
import type { Slots } from "./slots.ts";

export type KubeletHost = {
  readonly client: KubeClient;
  readonly node: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly dns: ClusterDns;
  readonly containers: Containers;
  readonly exec: ContainerExec;
  readonly sandboxes: SandboxPlace;
  readonly objects: ObjectCache;
  readonly events: EventRecorder;
  readonly services: () => readonly Service[];
  /** Places for pods that are being started: more at once only slow each other down. */
  readonly slots: Slots;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Whether the node has a program of that name or path. */
  readonly hasProgram: (program: string) => boolean;
  /** Path of Twill's own executable. */
  readonly twill: string;
  /** Tells the API that a pod is gone for good. Does nothing when it knows. @throws KubeError */
  readonly forgetPod: (pod: Pod) => Promise<void>;
  readonly log: (line: string) => void;
};
