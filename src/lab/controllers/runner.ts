// Runs controllers: changes become keys, keys become plans, plans are applied, failures come again later.

import { messageOf } from "#base/error-message.ts";
import type { KubeClient } from "#kube/client.ts";
import { hasReason } from "#kube/kube-error.ts";
import type { Metadata } from "#kube/object.ts";
import type { Pace } from "#kube/reflect.ts";
import type { Controller } from "./controller.ts";
import { ControllerEvents, toldOf } from "./events.ts";
import { applyOperation, formatOperation, type Operation } from "./operation.ts";
import { type Kind, LiveView } from "./view.ts";

export type RunnerOptions = {
  readonly client: KubeClient;
  readonly controllers: readonly Controller[];
  readonly pace: Pace;
  readonly nowMs: () => number;
  readonly log: (line: string) => void;
};

const firstRetryMs = 100;
const lastRetryMs = 10_000;
/** A write of ours that does not come back by a watch within this time no longer holds up its controller. */
const echoLimitMs = 2_000;

/** Keys of one controller that wait for their plan. A key that is queued again while it runs runs again. */
class Queue {
  readonly #controller: Controller;
  readonly #runner: Runner;
  readonly #waiting = new Set<string>();
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #failures = new Map<string, number>();
  #running = false;
  #ended = false;

  constructor(controller: Controller, runner: Runner) {
    this.#controller = controller;
    this.#runner = runner;
  }

  offer(kind: Kind, object: { readonly metadata: Metadata }): void {
    for (const key of this.#controller.keys(kind, object, this.#runner.view)) this.add(key);
  }

  add(key: string): void {
    if (this.#ended) return;
    this.#waiting.add(key);
    if (!this.#running) void this.#run();
  }

  end(): void {
    this.#ended = true;
    this.#waiting.clear();
    for (const timer of this.#timers.values()) clearTimeout(timer);
  }

  async #run(): Promise<void> {
    this.#running = true;
    // What one burst of events says is planned once.
    await this.#runner.settle();
    for (const key of this.#waiting) {
      this.#waiting.delete(key);
      await this.#runKey(key);
    }
    this.#running = false;
  }

  async #runKey(key: string): Promise<void> {
    try {
      const againMs = await this.#runner.apply(this.#controller, key);
      this.#failures.delete(key);
      if (againMs !== undefined) this.#addLater(key, againMs);
    } catch (error) {
      if (this.#ended) return;
      const failures = this.#failures.get(key) ?? 0;
      this.#failures.set(key, failures + 1);
      // Somebody else was quicker: the change that says so is on its way.
      if (!hasReason(error, "Conflict", "NotFound", "AlreadyExists") || failures > 0) {
        this.#runner.log(`${this.#controller.name} ${key}: ${messageOf(error)}`);
      }
      this.#addLater(key, Math.min(firstRetryMs * 2 ** failures, lastRetryMs));
    }
  }

  #addLater(key: string, ms: number): void {
    clearTimeout(this.#timers.get(key));
    const timer = setTimeout(() => {
      this.#timers.delete(key);
      this.add(key);
    }, ms);
    this.#timers.set(key, timer);
  }
}

/** All controllers of a cluster, running from their making until they are disposed. */
export class Runner implements Disposable {
  readonly #options: RunnerOptions;
  readonly #live: LiveView;
  readonly #events: ControllerEvents;
  readonly #queues: readonly Queue[];
  readonly #end = new AbortController();
  #started = false;

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#queues = options.controllers.map((controller) => new Queue(controller, this));
    const { client, pace, nowMs } = options;
    this.#events = new ControllerEvents(client, nowMs);
    this.#live = new LiveView(
      client,
      pace,
      (kind, { before, after }) => {
        if (!this.#started) return;
        for (const object of [before, after]) if (object !== undefined) this.#offer(kind, object);
      },
      (kind, error) => this.log(`watching ${kind}: ${messageOf(error)}`),
    );
    void this.#start();
  }

  get view() {
    return this.#live.view;
  }

  log(line: string): void {
    this.#options.log(line);
  }

  /** Plans one key and applies the plan; when to look again, if the plan says so. */
  async apply({ name, plan }: Controller, key: string): Promise<number | undefined> {
    const { operations, againMs } = plan(key, this.view, this.#options.nowMs());
    for (const operation of operations) {
      this.log(`${name}: ${formatOperation(operation)}`);
      const before = this.#objectOf(operation);
      const object = await applyOperation(this.#options.client, operation);
      const told = toldOf(operation, before, object);
      if (told !== undefined) this.#events.tell(told);
      await this.#echoOf(operation, before?.metadata.resourceVersion, object?.metadata);
    }
    return againMs;
  }

  /** Lets what has already arrived be read. */
  async settle(): Promise<void> {
    await this.#options.pace.sleep(0, this.#end.signal);
  }

  [Symbol.dispose](): void {
    this.#end.abort();
    for (const queue of this.#queues) queue.end();
    this.#live[Symbol.dispose]();
  }

  /** Plans are made from what is there when all kinds have been read: half a view would remove what it does not see. */
  async #start(): Promise<void> {
    await this.#live.synced();
    this.#started = true;
    const { podsOf, podsIn, freePodsIn, replicaSetsOf, freeReplicaSetsIn, slicesOf, ...maps } = this.view;
    for (const [kind, objects] of Object.entries(maps)) {
      for (const object of objects.values()) this.#offer(kind as Kind, object);
    }
  }

  #offer(kind: Kind, object: { readonly metadata: Metadata }): void {
    for (const queue of this.#queues) queue.offer(kind, object);
  }

  /**
   * A controller must see its own writes before it plans again: else it would make the same pods twice.
   * Where the answer has no revision (a binding, a removal), the object as it was before must be gone from the view.
   */
  async #echoOf(operation: Operation, before: string | undefined, metadata: Metadata | undefined): Promise<void> {
    const { plural } = operation.resource;
    const { pace, nowMs } = this.#options;
    const written = Number(metadata?.resourceVersion ?? 0);
    const seen = () =>
      written > 0
        ? (this.#live.revisionOf(plural) ?? written) >= written
        : before === undefined || this.#objectOf(operation)?.metadata.resourceVersion !== before;
    const until = nowMs() + echoLimitMs;
    while (!seen() && nowMs() < until) await pace.sleep(1, this.#end.signal);
  }

  /** What the view has of the object that an operation is about. */
  #objectOf(operation: Operation): { readonly metadata: Metadata } | undefined {
    const { namespace, name } = operation.do === "create" ? operation.object.metadata : operation.place;
    if (name === undefined) return undefined;
    const key = namespace === undefined ? name : `${namespace}/${name}`;
    return this.#live.objectOf(operation.resource.plural, key);
  }
}
