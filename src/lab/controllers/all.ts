// The controllers of a lab's cluster, and what each of them looks after.

import type { KubeClient } from "#kube/client.ts";
import type { Pace } from "#kube/reflect.ts";
import type { BlockPool } from "#operator/node-blocks.ts";
import { Collector } from "./collector.ts";
import type { Controller } from "./controller.ts";
import { daemonSetController } from "./daemon-set.ts";
import { deploymentController } from "./deployment.ts";
import { disruptionBudgetController } from "./disruption-budget.ts";
import { endpointSliceController } from "./endpoint-slices.ts";
import { endpointsController } from "./endpoints.ts";
import { jobController } from "./job.ts";
import { mirroredEndpointsController } from "./mirrored-endpoints.ts";
import { nodeBlockController } from "./node-blocks.ts";
import { nodeLifecycleController } from "./node-lifecycle.ts";
import { replicaSetController } from "./replica-set.ts";
import { Runner } from "./runner.ts";
import { schedulerController } from "./scheduler/scheduler.ts";
import { serviceAccountController } from "./service-accounts.ts";
import { statefulSetController } from "./stateful-set.ts";

export type ControllerOptions = {
  readonly client: KubeClient;
  readonly pace: Pace;
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
  /** PEM, for pods that talk to the API server. */
  readonly certificateAuthority: string;
  /** Empty: whoever runs the network gives the nodes their blocks. */
  readonly blockPools: readonly BlockPool[];
  /** How long a kubelet may be silent. */
  readonly nodeGraceMs: number;
};

/**
 * Starts all controllers; they run until the result is disposed.
 *
 *     ReplicaSet, Deployment, StatefulSet, DaemonSet, Job ─► pods ─► scheduler ─► nodes
 *     pods, services ─► EndpointSlices, Endpoints          pods ─► PodDisruptionBudgets
 *     leases ─► node conditions, taints, evictions         nodes ─► blocks of addresses
 *     namespaces ─► default accounts                       everything ─► garbage collection
 */
export function startControllers(options: ControllerOptions): Disposable {
  const { client, pace, nowMs, log, certificateAuthority, blockPools, nodeGraceMs } = options;
  const controllers: readonly Controller[] = [
    deploymentController,
    replicaSetController,
    statefulSetController,
    daemonSetController,
    jobController,
    schedulerController,
    endpointSliceController,
    endpointsController,
    mirroredEndpointsController,
    disruptionBudgetController,
    nodeLifecycleController({ graceMs: nodeGraceMs }),
    ...(blockPools.length === 0 ? [] : [nodeBlockController(blockPools)]),
    serviceAccountController(certificateAuthority),
  ];
  const stack = new DisposableStack();
  stack.use(new Runner({ client, controllers, pace, nowMs, log }));
  stack.use(new Collector({ client, pace, log }));
  return stack;
}
