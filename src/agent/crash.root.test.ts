// The agent killed at every step of what it does, and at random: nothing leaks, nothing that runs breaks.

import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { Random } from "#test/random.ts";
import { type Netns, Sandbox, type Started } from "#test/sandbox.ts";
import { Shim, type ShimRun } from "#test/shim.ts";
import { until } from "#test/until.ts";
import { endpointGroup } from "./state/endpoint.ts";

const script = new URL("../../test/agent-process.ts", import.meta.url).pathname;
const startMs = 60_000;
const long = process.env["TWILL_LONG"] === "1";
const seed = 20_261_121;

/** A node whose agent may die at any moment. */
class FragileNode implements Disposable {
  readonly box = new Sandbox();
  readonly netns: Netns;
  readonly #folder: string;
  readonly #shim: Shim;
  #agent: Started | undefined;

  constructor() {
    this.netns = this.box.netns("node");
    this.box.sh(this.netns, ["ip", "address", "add", "172.30.0.11/32", "dev", "lo"]);
    this.#folder = this.box.dir();
    this.#shim = new Shim(this.box.dir());
  }

  async start(killAt = 0): Promise<void> {
    this.kill();
    const agent = this.box.start(this.netns, [process.execPath, script, this.#folder, String(killAt)]);
    this.#agent = agent;
    const end = Date.now() + startMs;
    while (!agent.output().includes("ready\n")) {
      if (Date.now() > end) throw new Error(`The agent does not start: ${agent.output()}`);
      await Bun.sleep(5);
    }
  }

  kill(): void {
    this.#agent?.kill();
  }

  call(command: string, containerId: string, netns: string, conf: object = {}): Promise<ShimRun> {
    const env = {
      ...{
        CNI_COMMAND: command,
        CNI_CONTAINERID: containerId,
        CNI_NETNS: netns,
        CNI_IFNAME: "eth0",
        CNI_PATH: "/nowhere",
      },
      TWILL_PLUGINS_SOCKET: join(this.#folder, "plugins.sock"),
      TWILL_DELETES: join(this.#folder, "deletes"),
    };
    const stdin = JSON.stringify({ cniVersion: "1.1.0", name: "twill", type: "twill", ...conf });
    // Where the agent is: links mean the same to both.
    const inside = ["nsenter", `--net=${this.netns.path}`, "--"];
    return this.#shim.run({ plugin: "twill", env, stdin, inside });
  }

  /** Names of pods' links on the node's side, without those that wait for their removal. */
  links(): readonly string[] {
    const shown = this.box.sh(this.netns, ["ip", "-o", "link", "show", "group", String(endpointGroup)]);
    return [...shown.matchAll(/^\d+: (tw[0-9a-z]{11})@/gm)].map(([, name = ""]) => name);
  }

  routes(): readonly string[] {
    return [...this.box.sh(this.netns, ["ip", "route"]).matchAll(/^(10\.244\.1\.\d+) /gm)].map(
      ([, address = ""]) => address,
    );
  }

  reaches(from: Netns, address: string): boolean {
    return this.box.run(from, ["ping", "-c", "1", "-W", "10", "-n", address]).exitCode === 0;
  }

  [Symbol.dispose](): void {
    this.box[Symbol.dispose]();
  }
}

function addressIn({ stdout }: ShimRun): string {
  return /"address": "(10\.[\d.]+)\/32"/.exec(stdout)?.[1] ?? "";
}

describe("an agent that is killed", () => {
  test("before any step of an ADD leaves nothing that its DEL would not take, and the next ADD works", async () => {
    using node = new FragileNode();
    const pod = node.box.netns("pod");
    let cleaned = 0;
    for (let step = 1; step <= 40; step++) {
      await node.start(step);
      const ran = await node.call("ADD", `c${step}`, pod.path);
      if (ran.exitCode === 0) {
        expect(node.links()).toHaveLength(1);
        break;
      }
      expect([step, JSON.parse(ran.stdout).code]).toEqual([step, 11]);
      await node.start();
      // Killed after all was done but the answer: only the runtime knows that it wants none of it.
      if (node.links().length > 0) expect(await node.call("DEL", `c${step}`, pod.path)).toMatchObject({ exitCode: 0 });
      else cleaned++;
      expect([step, node.links(), node.routes()]).toEqual([step, [], []]);
      const again = await node.call("ADD", `again${step}`, pod.path);
      expect([step, again.exitCode, node.reaches(node.netns, addressIn(again))]).toEqual([step, 0, true]);
      // As the runtime does with the ADD that it saw fail, and with the other one.
      for (const id of [`c${step}`, `again${step}`])
        expect(await node.call("DEL", id, pod.path)).toMatchObject({ exitCode: 0 });
      expect([step, node.links(), node.routes()]).toEqual([step, [], []]);
    }
    // Before the node's side was made, and before the pod's. Which step it is that all is done at depends on what else the
    // agent asks the kernel in between.
    expect(cleaned).toBeGreaterThanOrEqual(2);
  }, 300_000);

  test("before any step of a DEL finishes it when it is back, from the shim's queue", async () => {
    using node = new FragileNode();
    const pod = node.box.netns("pod");
    let queued = 0;
    for (let step = 1; step <= 20; step++) {
      await node.start();
      expect(await node.call("ADD", `c${step}`, pod.path)).toMatchObject({ exitCode: 0 });
      await node.start(step);
      const ran = await node.call("DEL", `c${step}`, pod.path);
      expect([step, ran.exitCode]).toEqual([step, 0]);
      const finished = node.links().length === 0 && node.routes().length === 0;
      await node.start();
      expect([step, node.links(), node.routes()]).toEqual([step, [], []]);
      // Links that are marked go together, in a moment.
      await until(() => !node.box.sh(pod, ["ip", "-o", "link"]).includes("eth0"), "the pod's link goes");
      if (finished) break;
      queued++;
    }
    expect(queued).toBeGreaterThan(0);
  }, 300_000);

  test(`at random, ${long ? 200 : 12} times, breaks no pod that runs, loses no address and gives none twice`, async () => {
    using node = new FragileNode();
    const random = new Random(seed);
    await node.start();
    const [a, b] = [node.box.netns("a"), node.box.netns("b")];
    const steady = [addressIn(await node.call("ADD", "a", a.path)), addressIn(await node.call("ADD", "b", b.path))];
    const flood = node.box.start(a, ["ping", "-i", "0.05", "-n", steady[1] ?? ""]);
    const pods = [0, 1, 2].map((number) => node.box.netns(`p${number}`));
    for (let kill = 0; kill < (long ? 200 : 12); kill++) {
      const calls = pods.map((pod, number) => node.call("ADD", `k${kill}-${number}`, pod.path));
      await Bun.sleep(random.below(12));
      node.kill();
      await Promise.all(calls);
      const deletes = pods.map((pod, number) => node.call("DEL", `k${kill}-${number}`, pod.path));
      if (random.below(2) === 0) await Promise.all(deletes);
      await node.start();
      await Promise.all(deletes);
      expect([kill, node.links().length, [...node.routes()].sort()]).toEqual([kill, 2, [...steady].sort()]);
    }
    expect(node.reaches(b, steady[0] ?? "")).toBe(true);
    flood.kill();
    const sequence = [...flood.output().matchAll(/icmp_seq=(\d+)/g)].map(([, number]) => Number(number));
    expect(sequence.length).toBeGreaterThan(5);
    expect(sequence).toEqual(sequence.map((_, index) => index + 1));
  }, 600_000);
});
