// The cluster-wide duties of Twill: one operator leads, the others wait.

import { messageOf } from "#base/error-message.ts";
import type { KubeClient } from "#kube/client.ts";
import { EventRecorder } from "#kube/event-recorder.ts";
import type { Node } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { leadWhile } from "#kube/leader.ts";
import { Mirror } from "#kube/mirror.ts";
import type { Pace } from "#kube/reflect.ts";
import { nodes } from "#kube/resource.ts";
import type { Cidr } from "#net/cidr.ts";
import type { BalancerPool } from "./balancer-pools.ts";
import { giveBalancers } from "./balancers.ts";
import { GivenBlocks } from "./given-blocks.ts";
import { type BlockPlan, type BlockPool, planBlocks } from "./node-blocks.ts";

export type OperatorOptions = {
  readonly client: KubeClient;
  readonly pace: Pace;
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
  /** Unlike that of every other operator. */
  readonly identity: string;
  /** Where its lease is. */
  readonly namespace: string;
  /** Empty: somebody else gives the nodes their blocks. */
  readonly pools: readonly BlockPool[];
  /** Of addresses for services of type LoadBalancer; empty: somebody else gives them theirs. */
  readonly balancerPools: readonly BalancerPool[];
};

export const operatorLease = "twill-operator";
const leaseMs = 15_000;
const retryMs = 2_000;

/** Waits for leadership and leads, until the signal aborts. */
export async function runOperator(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { client, namespace, identity, pace, nowMs, log } = options;
  const { sleep } = pace;
  const election = { client, namespace, name: operatorLease, identity, leaseMs, retryMs, nowMs, sleep, log };
  await leadWhile(election, signal, async (term) => {
    await Promise.all([giveBlocks(options, term), giveBalancers(options, term)]);
  });
}

/** How long it takes at most until a write whose answer was lost is seen. */
const unsureMs = 2_000;

/** Gives blocks to nodes that have none, as they come. */
async function giveBlocks(options: OperatorOptions, signal: AbortSignal): Promise<void> {
  const { client, pace, pools, nowMs, log } = options;
  const recorder = new EventRecorder({ client, component: "twill-operator", node: "", now: nowMs });
  let wake = () => {};
  using mirror = new Mirror<Node>({
    client,
    resource: nodes,
    pace,
    transform: toBlockNode,
    // Kubelets write their nodes all the time.
    changed: ({ before, after }) => {
      if (!sameBlocks(before, after)) wake();
    },
    failed: (error) => log(`operator: ${messageOf(error)}`),
  });
  const aborted = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
  // Not `aborted`, which would remember everybody who waited for it.
  signal.addEventListener("abort", () => wake());
  await Promise.race([mirror.synced, aborted]);
  const given = new GivenBlocks();
  let told: ReadonlySet<string> = new Set();
  while (!signal.aborted) {
    const changed = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const { assignments, exhausted } = planBlocks(pools, given.added(mirror.objects.values()));
    const unsure: Node[] = [];
    for (const { node, podCIDRs } of assignments) {
      if (signal.aborted) return;
      given.note(node, podCIDRs);
      const outcome = await give(options, node, podCIDRs);
      if (outcome === "refused") given.forget(node);
      if (outcome === "unsure") unsure.push(node);
    }
    told = tell(exhausted, told, recorder, log);
    if (unsure.length === 0) await changed;
    else {
      await pace.sleep(unsureMs, signal);
      for (const node of unsure) given.forget(node);
    }
  }
}

/** Of a node what its blocks depend on: whole nodes are large, and many. */
export function toBlockNode({ metadata, spec }: Node): Node {
  const { name, uid = "", creationTimestamp = "", resourceVersion = "" } = metadata;
  const { podCIDR, podCIDRs = [] } = spec ?? {};
  const blocks = podCIDR === undefined ? {} : { podCIDR, podCIDRs };
  return { apiVersion: "v1", kind: "Node", metadata: { name, uid, creationTimestamp, resourceVersion }, spec: blocks };
}

function sameBlocks(a: Node | undefined, b: Node | undefined): boolean {
  return a?.metadata.uid === b?.metadata.uid && JSON.stringify(a?.spec) === JSON.stringify(b?.spec);
}

/** Once for each node, as long as it lacks them; also where people look. Returns who has been told. */
function tell(
  exhausted: BlockPlan["exhausted"],
  told: ReadonlySet<string>,
  recorder: EventRecorder,
  log: OperatorOptions["log"],
): ReadonlySet<string> {
  for (const { node, range } of exhausted) {
    const { name, uid } = node.metadata;
    if (told.has(name)) continue;
    const problem = `all blocks of ${range} are taken: add a --cluster-cidr, or remove nodes`;
    log(`operator: node ${name} gets no addresses, ${problem}`);
    const object = { apiVersion: "v1", kind: "Node", namespace: undefined, name, uid };
    recorder.note({
      object,
      type: "Warning",
      reason: "NoAddressBlock",
      message: `The node gets no addresses for pods, ${problem}`,
    });
  }
  return new Set(exhausted.map(({ node }) => node.metadata.name));
}

async function give(
  { client, log }: OperatorOptions,
  { metadata: { name, uid = "" } }: Node,
  podCIDRs: readonly Cidr[],
): Promise<"given" | "refused" | "unsure"> {
  log(`operator: give ${podCIDRs.join(", ")} to node ${name}`);
  try {
    // Of any revision: a kubelet writes its node all the time, and blocks that somebody else gave meanwhile the API server keeps.
    const spec = { podCIDR: podCIDRs[0], podCIDRs };
    await client.patch(nodes, { name }, "merge", { metadata: { uid }, spec });
    return "given";
  } catch (error) {
    if (hasReason(error, "Conflict", "Invalid", "NotFound")) return "refused";
    log(`operator: ${messageOf(error)}`);
    return "unsure";
  }
}
