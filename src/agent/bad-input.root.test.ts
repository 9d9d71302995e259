// What the agent makes of a world that is not as it should be: it goes on, loses nothing, and says in a sentence what to do.

import { Database } from "bun:sqlite";
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { statfsSync } from "node:fs";
import { join } from "node:path";
import type { KubeRequest, Transport } from "#kube/transport.ts";
import { addressAt, startNode, TestAgentNode } from "#test/agent.ts";
import { BareServer } from "#test/lab/bare-server.ts";
import { Sandbox } from "#test/sandbox.ts";
import { ControlGroup } from "#test/sockets/control-group.ts";
import { until } from "#test/until.ts";

// Loading the programs takes a machine that is busy a second or more.
setDefaultTimeout(120_000);

const both = ["10.244.1.0/24", "fd00:10:244:1::/64"];
const bpfMagic = 0xcafe4a11;

/** What is between the agent and its API server. */
class Line {
  #answer: (() => unknown) | undefined;
  #cut = new AbortController();

  /** From now on requests come to this, and what streams ends; undefined: all is well again. */
  change(answer: (() => unknown) | undefined): void {
    this.#answer = answer;
    this.#cut.abort();
    this.#cut = new AbortController();
  }

  through(inner: Transport): Transport {
    const line = this;
    return {
      request: (request) => (line.#answer === undefined ? inner.request(request) : line.#ask()),
      async *stream(request: KubeRequest) {
        if (line.#answer !== undefined) await line.#ask();
        const signals = [line.#cut.signal, request.signal].filter((signal) => signal !== undefined);
        yield* inner.stream({ ...request, signal: AbortSignal.any(signals) });
      },
    };
  }

  async #ask(): Promise<unknown> {
    return this.#answer?.();
  }
}

function away(): never {
  throw new Error("Unable to connect");
}

/** Changes the record of the only endpoint in a state file; returns what it was. */
function replaceRecord(file: string, change: (text: string) => string): string {
  using database = new Database(file);
  const record = database.query<{ record: string }, []>("SELECT record FROM endpoint").get()?.record ?? "";
  database.run("UPDATE endpoint SET record = ?", [change(record)]);
  return record;
}

describe("an API server", () => {
  test("that is away costs no pod anything, and is followed again when it is back", async () => {
    await using stack = new AsyncDisposableStack();
    const box = stack.use(new Sandbox());
    const line = new Line();
    const server = stack.use(new BareServer((transport) => line.through(transport)));
    const services = `{ enabled: true, cgroup: ${stack.use(new ControlGroup()).path} }`;
    const node = stack.use(await TestAgentNode.start(box, server, both, { services }));
    await until(() => node.agent.services?.isServing === true, "services are served");
    const problems = () => [node.agent.cluster.problem, node.agent.services?.problems, node.agent.policies?.problems];
    const well = JSON.stringify(problems());
    const a = await node.addPod("a");
    line.change(away);
    await until(() => node.log.includes("Cannot follow the nodes: Unable to connect"), "it is told");
    const all = () => problems().every((each) => each?.toString().includes("Unable to connect") === true);
    await until(all, "all is told");
    expect(node.agent.unready()).toBeUndefined();
    // What is known is served: no reason for balancers to send clients elsewhere.
    expect(node.agent.services?.isHealthy).toBe(true);
    const late = await node.addPod("late");
    const ping = ["ping", "-c", "1", "-W", "10", "-n", addressAt(late.result, 0)];
    expect(box.run(a.netns, ping).exitCode).toBe(0);
    line.change(undefined);
    await until(() => JSON.stringify(problems()) === well, "it is well again, in all respects");
    await server.addNode("n2", ["10.244.2.0/24"], ["172.30.0.12"]);
    await until(() => node.agent.cluster.others.length === 1, "the new node is known");
    expect(await node.cni("DEL", "a", a.netns.path)).toMatchObject({ exitCode: 0 });
  });
});

describe("the node", () => {
  test("without a bpf file system gets one", async () => {
    await using it = await startNode(both);
    expect(statfsSync(it.node.config.programs.folder).type).toBe(bpfMagic);
  });

  test("that lost its own address says so, until it has it again", async () => {
    await using it = await startNode(both);
    const faults = () => it.node.agent.fabric?.faults.join() ?? "";
    await until(() => faults() === "", "nothing is amiss");
    it.node.sh("ip", "address", "del", "172.30.0.11/32", "dev", "lo");
    await until(() => faults().startsWith("No link of node n1 has its address 172.30.0.11"), "it is told");
    it.node.sh("ip", "address", "add", "172.30.0.11/32", "dev", "lo");
    await until(() => faults() === "", "nothing is amiss");
  });

  test("whose block overlaps with another node's says so, and its pods speak with each other", async () => {
    await using it = await startNode(both);
    await it.server.addNode("n2", ["10.244.1.128/25"], ["172.30.0.12"]);
    // The other must be reachable at all.
    it.node.sh("ip", "route", "add", "172.30.0.12/32", "dev", "lo");
    const told = () => it.node.agent.fabric?.faults.join().includes("overlaps 10.244.1.0/24 of node n1") === true;
    await until(told, "it is told");
    const [a, b] = [await it.node.addPod("a"), await it.node.addPod("b")];
    const ping = ["ping", "-c", "1", "-W", "10", "-n", addressAt(b.result, 0)];
    expect(it.box.run(a.netns, ping).exitCode).toBe(0);
  });
});

describe("a state file", () => {
  test("with a record that cannot be read is not taken for an empty one", async () => {
    await using it = await startNode(both);
    await it.node.addPod("a");
    await it.node.stopAgent();
    const file = join(it.node.config.state.folder, "agent.db");
    const record = replaceRecord(file, (text) => text.slice(0, 40));
    const refusal = await it.node.startAgent().catch((error: unknown) => String(error));
    expect(refusal).toMatch(/Cannot use the state file .*; if it is damaged, move it away and start again/);
    replaceRecord(file, () => record);
    await it.node.startAgent();
    expect(it.node.agent.endpoints.list()).toHaveLength(1);
  });
});
