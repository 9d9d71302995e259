// Pods as the watch and single questions tell of them, in whatever order the answers come.

import { describe, expect, test } from "bun:test";
import { setTimeout as sleep } from "node:timers/promises";
import { kubeError } from "#kube/kube-error.ts";
import type { Pace } from "#kube/reflect.ts";
import { pods as podResource } from "#kube/resource.ts";
import type { Transport } from "#kube/transport.ts";
import { BareServer } from "#test/lab/bare-server.ts";
import { Pods } from "./pods.ts";

const namespace = "shop";
const name = "web-0";
const patienceMs = 30_000;
const pace: Pace = {
  sleep: (ms, signal) => sleep(ms, undefined, { signal }).catch(() => {}),
  random: () => 0.5,
};

/** Holds answers about the one pod back until they are let go; what they say is of the moment of the question. And loses watches. */
class Delay {
  readonly #answered = Promise.withResolvers<void>();
  readonly #letGo = Promise.withResolvers<void>();
  #lost: PromiseWithResolvers<void> | undefined;
  /** Resolves when the server has answered. */
  readonly answered = this.#answered.promise;

  readonly through = (transport: Transport): Transport => ({
    request: async (request) => {
      const answer = await transport.request(request);
      if (request.method !== "GET" || !request.path.endsWith(`/pods/${name}`)) return answer;
      this.#answered.resolve();
      await this.#letGo.promise;
      return answer;
    },
    stream: (request) => this.#stream(transport.stream(request)),
  });

  async *#stream(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      if (this.#lost !== undefined) {
        await this.#lost.promise;
        throw kubeError("Expired", "too old");
      }
      yield piece;
    }
  }

  /** From now on watches tell nothing, until they are lost. */
  silence(): void {
    this.#lost = Promise.withResolvers();
  }

  lose(): void {
    this.#lost?.resolve();
    this.#lost = undefined;
  }

  letGo(): void {
    this.#letGo.resolve();
  }
}

/** A mirror of the pods of a server, which has one pod at most. */
class World implements Disposable {
  readonly delay = new Delay();
  readonly #stack = new DisposableStack();
  readonly server: BareServer;
  readonly pods: Pods;
  /** Of the pod, as whoever is told last knows it. */
  told: string | undefined;
  #uid: string | undefined;
  #late: Promise<unknown> = Promise.resolve();

  private constructor() {
    this.server = this.#stack.use(new BareServer(this.delay.through));
    this.pods = this.#stack.use(
      new Pods({
        ...{ client: this.server.client, pace, nodeName: undefined },
        changed: (_, model) => {
          this.told = model?.uid;
        },
        failed: () => {},
        followed: () => {},
      }),
    );
  }

  static async make(): Promise<World> {
    const world = new World();
    await world.server.addNamespace(namespace);
    await world.pods.synced;
    return world;
  }

  /** With a pod, and an answer about it on its way. */
  static async asking(): Promise<World> {
    const world = await World.make();
    await world.add();
    await world.untilTold();
    // A runtime's pod that nobody has told of: the API server is asked.
    world.#late = world.pods.wishOf({ namespace, name, uid: "next" });
    await world.delay.answered;
    return world;
  }

  /** Returns its uid. */
  async add(): Promise<string> {
    const spec = { nodeName: "n1", containers: [{ name: "web", image: "web" }] };
    const { metadata } = await this.server.client.create(podResource, { metadata: { namespace, name }, spec });
    this.#uid = metadata.uid;
    return metadata.uid ?? "";
  }

  async remove(): Promise<void> {
    await this.server.client.remove(podResource, { namespace, name }, { gracePeriodSeconds: 0 });
    this.#uid = undefined;
  }

  /** When whoever is told last knows what the server has. */
  async untilTold(): Promise<void> {
    for (const end = Date.now() + patienceMs; this.told !== this.#uid; await Bun.sleep(2)) {
      if (Date.now() > end) throw new Error(`pod ${this.#uid} is the server's, pod ${this.told} was told`);
    }
  }

  /** The answer arrives. */
  async answer(): Promise<void> {
    this.delay.letGo();
    await this.#late;
  }

  [Symbol.dispose](): void {
    this.#stack.dispose();
  }
}

describe("an answer that comes late", () => {
  test("does not bring back a pod that was removed since", async () => {
    using world = await World.asking();
    await world.remove();
    await world.untilTold();
    await world.answer();
    expect([world.pods.modelOf({ namespace, name }), world.told]).toEqual([undefined, undefined]);
  });

  test("does not hide the pod that has its name since", async () => {
    using world = await World.asking();
    await world.remove();
    const second = await world.add();
    await world.untilTold();
    await world.answer();
    expect([world.pods.modelOf({ namespace, name })?.uid, world.told]).toEqual([second, second]);
  });
});

test("a pod that came and went while the watch was lost does not hide the next one of its name", async () => {
  using world = await World.make();
  world.delay.silence();
  world.delay.letGo();
  const first = await world.add();
  await world.pods.wishOf({ namespace, name, uid: first });
  expect(world.told).toBe(first);
  await world.remove();
  const second = await world.add();
  world.delay.lose();
  await world.untilTold();
  expect(world.pods.modelOf({ namespace, name })?.uid).toBe(second);
});
