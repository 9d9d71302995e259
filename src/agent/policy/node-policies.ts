// Policies on this node: what is watched brought to the packet path, and what there is to tell about it.

import { Comparing } from "#agent/comparing.ts";
import type { Following } from "#agent/following.ts";
import { type Endpoint, formatEndpoint } from "#agent/state/endpoint.ts";
import type { Histogram, Metrics } from "#base/metrics.ts";
import { CniError, ErrorCode } from "#cni/error.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Pace } from "#kube/reflect.ts";
import type { NodeModel } from "#model/node.ts";
import type { PodModel } from "#model/pod.ts";
import { type Fault, faultsOf, formatOrigin, type Policy } from "#model/policy/rule.ts";
import { type PodCount, registerMetrics } from "./metrics.ts";
import { type Policies, policyId } from "./policies.ts";
import { undeclaredNames } from "./undeclared-names.ts";
import { PolicyWatch, type WatchedPolicy } from "./watch.ts";

export type NodePoliciesOptions = {
  readonly client: KubeClient;
  readonly pace: Pace;
  readonly nodeName: string;
  readonly policies: Policies;
  /** As far as they are known. */
  readonly nodes: () => readonly NodeModel[];
  /** Resolves when all pods and nodes have been seen once. */
  readonly othersKnown: Promise<unknown>;
  /** Told when policies are enforced for the first time. */
  readonly begun: () => void;
  readonly patienceMs: number;
  readonly nowMs: () => number;
  readonly sleep: (ms: number) => Promise<void>;
  readonly metrics: Metrics;
  /** What policies need, their pods included. */
  readonly following: Following;
  readonly log: (line: string) => void;
};

/** What one policy object is on this node. */
export type PolicyState = {
  readonly policy: string;
  /** Of the object, as this node knows it. */
  readonly generation: number;
  /** Of this node, that it is about; and of those, where it is in force. */
  readonly pods: number;
  readonly inForce: number;
  /** When it was in force as it is now; undefined: it is not yet. */
  readonly sinceMs: number | undefined;
  readonly keepsConnections: boolean;
  /** What is wrong in it, a sentence each. */
  readonly faults: readonly string[];
};

type Form = { readonly generation: number; readonly seenMs: number; sinceMs: number | undefined };

export class NodePolicies implements Disposable {
  readonly #options: NodePoliciesOptions;
  readonly #watch: PolicyWatch;
  /** By object: when its present form came, and when it was in force. */
  readonly #forms = new Map<string, Form>();
  readonly #waiting = new Set<string>();
  /** Objects in which something cannot be read. */
  readonly #misread = new Set<string>();
  readonly #delays: Histogram;
  readonly #nodes = new Map<string, NodeModel>();
  #comparing: Comparing | undefined;
  #hasEnded = false;

  constructor(options: NodePoliciesOptions) {
    const { client, pace, policies, othersKnown, log } = options;
    this.#options = options;
    this.#watch = new PolicyWatch({
      ...{ client, pace },
      namespaceChanged: (name, labels) => policies.setNamespace(name, labels),
      policyChanged: (before, after) => this.#policyChanged(before, after),
      following: options.following,
    });
    const { metrics } = options;
    this.#delays = registerMetrics({
      ...{ metrics, policies },
      counts: () => this.#counts(),
      misread: () => this.#misread.size,
      mended: () => this.#comparing?.mended ?? 0,
    });
    void Promise.all([othersKnown, this.#watch.synced]).then(() => {
      if (this.#hasEnded) return;
      // The node itself must be known as such from the first moment: it asks its pods how they are.
      this.nodesChanged();
      policies.begin();
      const { nowMs } = options;
      this.#comparing = new Comparing({ what: "policies", round: () => policies.compare(), nowMs, log });
      options.begun();
      log(`policies: enforced, ${policies.policies.size} of them`);
    });
  }

  get policies(): Policies {
    return this.#options.policies;
  }

  /** What is amiss, a sentence each. */
  get problems(): readonly string[] {
    return [...this.#options.following.problems, ...this.policies.problems];
  }

  podChanged({ namespace, name }: Pick<PodModel, "namespace" | "name">, model: PodModel | undefined): void {
    this.policies.setPod(`${namespace}/${name}`, model);
  }

  /** Looks at all nodes anew. */
  nodesChanged(): void {
    const nodes = this.#options.nodes();
    const gone = new Set(this.#nodes.keys());
    for (const node of nodes) {
      gone.delete(node.name);
      if (this.#nodes.get(node.name) === node) continue;
      this.#nodes.set(node.name, node);
      const { name, labels, internal } = node;
      const isSelf = name === this.#options.nodeName;
      this.policies.setNode(name, { name, labels, addresses: internal, isSelf });
    }
    for (const name of gone) {
      this.#nodes.delete(name);
      this.policies.setNode(name, undefined);
    }
  }

  /** Told after every change that was written. */
  settled(): void {
    const nowMs = this.#options.nowMs();
    if (this.#waiting.size === 0 || this.policies.problems.length > 0) return;
    for (const id of this.#waiting) {
      const form = this.#forms.get(id);
      if (form === undefined) continue;
      form.sinceMs = nowMs;
      this.#delays.observe((nowMs - form.seenMs) / 1000);
    }
    this.#waiting.clear();
  }

  /** Waits until what policies say of a new pod is in force. @throws CniError 11 when that takes too long */
  async untilInForce(endpoint: Endpoint): Promise<void> {
    const { patienceMs, nowMs, sleep } = this.#options;
    const endMs = nowMs() + patienceMs;
    for (;;) {
      this.policies.flush();
      const problem = this.policies.whyNot(endpoint);
      if (problem === undefined) return;
      if (nowMs() >= endMs) {
        throw new CniError(
          ErrorCode.tryAgainLater,
          `Policies about ${formatEndpoint(endpoint)} are not in force after ${patienceMs / 1000} s: ${problem}; it must not start without them`,
        );
      }
      await sleep(5);
    }
  }

  /** Of every policy object of the cluster, what it is on this node. */
  states(): readonly PolicyState[] {
    const counts = this.#counts();
    const all = this.policies.policies;
    const undeclared = undeclaredNames(
      all.values().flatMap(({ policies }) => policies),
      () => this.policies.pods,
    );
    const faults = (policy: Policy) => [...faultsOf(policy), ...(undeclared.get(policy) ?? [])];
    return [...all].map(([policy, { policies, keeps }]) => ({
      policy,
      ...(counts.get(policy) ?? { pods: 0, inForce: 0 }),
      generation: this.#forms.get(policy)?.generation ?? 0,
      sinceMs: this.#forms.get(policy)?.sinceMs,
      keepsConnections: keeps || !this.policies.cutsEstablished,
      faults: policies.flatMap(faults).map(({ origin, why }) => `${formatOrigin(origin)}: ${why}`),
    }));
  }

  [Symbol.dispose](): void {
    this.#hasEnded = true;
    this.#comparing?.[Symbol.dispose]();
    this.#watch[Symbol.dispose]();
  }

  /** All of them are in the policy's state; its author may look here first. */
  #tellFaults(id: string, [first, ...more]: readonly Fault[]): void {
    if (first === undefined) return;
    this.#misread.add(id);
    const others = more.length === 0 ? "" : `; ${more.length} more in twill policy status`;
    this.#options.log(`policies: ${formatOrigin(first.origin)}: ${first.why}${others}`);
  }

  /** By object, of those that are about pods of this node. */
  #counts(): ReadonlyMap<string, PodCount> {
    const counts = new Map<string, { pods: number; inForce: number }>();
    for (const { policies, inForce } of this.policies.locals()) {
      for (const id of new Set(policies.map(({ origin }) => policyId(origin)))) {
        const count = counts.getOrInsertComputed(id, () => ({ pods: 0, inForce: 0 }));
        count.pods++;
        if (inForce) count.inForce++;
      }
    }
    return counts;
  }

  #policyChanged(before: WatchedPolicy | undefined, after: WatchedPolicy | undefined): void {
    const policy: Policy | undefined = (after ?? before)?.policy;
    if (policy === undefined) return;
    const id = policyId(policy.origin);
    this.#misread.delete(id);
    if (after === undefined) {
      this.#forms.delete(id);
      this.#waiting.delete(id);
    } else {
      this.#tellFaults(id, faultsOf(after.policy));
      this.#forms.set(id, { generation: after.generation, seenMs: this.#options.nowMs(), sinceMs: undefined });
      this.#waiting.add(id);
    }
    this.policies.setPolicies(id, after === undefined ? [] : [after.policy], after?.keeps);
  }
}
