// The node in the API: registered, its lease renewed, its conditions true.

import { type FSWatcher, mkdirSync, watch } from "node:fs";
import { messageOf } from "#base/error-message.ts";
import type { KubeClient } from "#kube/client.ts";
import type { Node } from "#kube/kinds.ts";
import { hasReason } from "#kube/kube-error.ts";
import { Mirror } from "#kube/mirror.ts";
import type { Pace } from "#kube/reflect.ts";
import { leases, nodes } from "#kube/resource.ts";
import { microTime, timestamp } from "#kube/time.ts";
import { type NodeFacts, nodeConditions, nodeLabels, nodeStatus } from "./node-status.ts";

export type NodeAgentOptions = {
  readonly client: KubeClient;
  readonly facts: NodeFacts;
  /** Folder of the network's configuration, watched for changes. */
  readonly confDir: string;
  /** Why pods cannot be attached now; undefined when they can. */
  readonly networkProblem: () => Promise<string | undefined>;
  /** Told when the network can take pods after a time when it could not. */
  readonly networkReady: () => void;
  /** Told of the node as the API has it, whenever that changes. */
  readonly changed: (node: Node) => void;
  readonly pace: Pace;
  readonly now: () => number;
  readonly log: (line: string) => void;
};

const leaseNamespace = "kube-node-lease";
const leaseSeconds = 40;
const renewMs = 10_000;
/** As kubelets report: what has not changed is written again only now and then. */
const reportMs = 300_000;
const settleMs = 50;
/** An agent that gets well tells nobody: as long as pods cannot be attached, it is asked again so soon. */
const problemMs = 250;
const retryMs = 500;

export class NodeAgent implements Disposable {
  readonly #options: NodeAgentOptions;
  readonly #mirror: Mirror<Node>;
  readonly #watcher: FSWatcher;
  readonly #end = new AbortController();
  #problem: string | undefined = "the network has not been looked at yet";
  #reportedMs = 0;
  #settling: ReturnType<typeof setTimeout> | undefined;

  constructor(options: NodeAgentOptions) {
    const { client, facts, pace, confDir, changed, log } = options;
    this.#options = options;
    this.#mirror = new Mirror({
      ...{ client, resource: nodes, pace, selection: { fieldSelector: `metadata.name=${facts.name}` } },
      changed: ({ after }) => {
        if (after !== undefined) {
          changed(after);
          this.#contradict(after);
        }
        // Somebody removed the node although it lives: it comes back.
        else void this.#register().catch((error: unknown) => log(problemOf(error)));
      },
    });
    mkdirSync(confDir, { recursive: true });
    this.#watcher = watch(confDir, () => this.checkSoon());
  }

  /** Registers, reports once, and goes on reporting in the background. */
  async start(): Promise<void> {
    await this.#untilRegistered();
    await this.#untilReported();
    void this.#keepReporting();
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    clearTimeout(this.#settling);
    this.#watcher.close();
    this.#mirror[Symbol.dispose]();
  }

  /** Looks at the network in a moment: files change one after the other. */
  checkSoon(inMs = settleMs): void {
    clearTimeout(this.#settling);
    this.#settling = setTimeout(() => void this.#check(), inMs);
  }

  async #untilRegistered(): Promise<void> {
    for (;;) {
      try {
        return await this.#register();
      } catch (error) {
        this.#options.log(problemOf(error));
        await this.#options.pace.sleep(retryMs, this.#end.signal);
      }
    }
  }

  /** What an earlier kubelet of the node said is not true any more. */
  async #untilReported(): Promise<void> {
    const { pace } = this.#options;
    const { signal } = this.#end;
    for (await this.#check(); this.#reportedMs === 0 && !signal.aborted; await this.#check()) {
      await pace.sleep(retryMs, signal);
    }
  }

  async #keepReporting(): Promise<void> {
    const { pace, log } = this.#options;
    const { signal } = this.#end;
    while (!signal.aborted) {
      await this.#renewLease().catch((error: unknown) => log(problemOf(error)));
      await pace.sleep(renewMs, signal).catch(() => undefined);
      if (!signal.aborted) await this.#check();
    }
  }

  async #register(): Promise<void> {
    const { client, facts } = this.#options;
    const labels = nodeLabels(facts);
    try {
      await client.create(nodes, { metadata: { name: facts.name, labels }, spec: {} });
    } catch (error) {
      if (!hasReason(error, "AlreadyExists")) throw error;
      await client.patch(nodes, { name: facts.name }, "merge", { metadata: { labels } });
    }
    this.#reportedMs = 0;
  }

  /** The lease is what tells the cluster that the node lives; it costs less than its status. */
  async #renewLease(): Promise<void> {
    const { client, facts, now } = this.#options;
    const renewTime = microTime(now());
    const spec = { holderIdentity: facts.name, leaseDurationSeconds: leaseSeconds, renewTime };
    const place = { namespace: leaseNamespace, name: facts.name };
    try {
      await client.patch(leases, place, "merge", { spec });
    } catch (error) {
      if (!hasReason(error, "NotFound")) throw error;
      await client.create(leases, { metadata: place, spec });
    }
  }

  /** What was taken for the end of this kubelet was only its silence: the cluster is told again, and not only at the next report. */
  #contradict({ status }: Node): void {
    const isUnknown = status?.conditions?.some(({ type, status: value }) => type === "Ready" && value === "Unknown");
    if (isUnknown !== true || this.#reportedMs === 0) return;
    this.#reportedMs = 0;
    this.checkSoon();
  }

  async #check(): Promise<void> {
    const { networkProblem, now, log, client, facts } = this.#options;
    try {
      const problem = await networkProblem();
      if (this.#end.signal.aborted) return;
      if (problem !== undefined) this.checkSoon(problemMs);
      if (problem === this.#problem && now() - this.#reportedMs < reportMs) return;
      const before = this.#mirror.objects.get(facts.name)?.status?.conditions ?? [];
      const conditions = nodeConditions(problem, before, timestamp(now()));
      const status = { ...nodeStatus(facts), conditions };
      await client.patch(nodes, { name: facts.name, subresource: "status" }, "merge", { status });
      const recovered = problem === undefined && this.#problem !== undefined;
      this.#problem = problem;
      if (recovered) this.#options.networkReady();
      this.#reportedMs = now();
    } catch (error) {
      log(problemOf(error));
      this.checkSoon(retryMs);
    }
  }
}

function problemOf(error: unknown): string {
  return `Cannot tell the API about the node: ${messageOf(error)}`;
}
