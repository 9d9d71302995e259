// The local API over its socket, with an agent behind it.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ip } from "#net/ip.ts";
import { addressAt, startNode } from "#test/agent.ts";
import { until } from "#test/until.ts";
import { askAgent } from "./client.ts";
import type { ConnectionsMessage, DropsMessage, IpamMessage, StatusMessage } from "./messages.ts";
import { serveApi, serveHealth } from "./serve.ts";

// Loading the programs takes a machine that is busy a second or more.
setDefaultTimeout(120_000);

const both = ["10.244.1.0/24", "fd00:10:244:1::/64"];

describe("the local API", () => {
  test("tells what there is, finds what does not agree, and releases what nobody has", async () => {
    await using it = await startNode(both);
    const socket = join(it.node.folder, "agent.sock");
    await using _api = await serveApi(it.node.agent, socket);
    using health = serveHealth(it.node.agent, 0);
    expect(await (await fetch(`http://127.0.0.1:${health.port}/readyz`)).text()).toBe("ok\n");
    const a = await it.node.addPod("a");
    const address = addressAt(a.result, 0);
    expect(await askAgent<StatusMessage>(socket, "GET /v1/status")).toMatchObject({
      ...{ node: "n1", blocks: both, ready: true, programs: true, fabric: "auto", endpoints: 1, problems: [] },
    });
    const { pools, addresses } = await askAgent<IpamMessage>(socket, "GET /v1/ipam");
    expect(pools[0]).toEqual({
      block: both[0] ?? "",
      total: "254",
      taken: 1,
      cooling: 0,
      nextFreeSeconds: null,
    } as object as (typeof pools)[0]);
    expect(addresses.map((each) => `${each.address} ${each.owner}`)).toContain(`${address} a eth0`);
    expect(await askAgent<object>(socket, "GET /v1/ipam/check")).toEqual({ faults: [] });
    expect((await askAgent<DropsMessage>(socket, "GET /v1/drops")).outcomes?.["drop-source"]).toEqual({
      packets: 0,
      bytes: 0,
    });
    await expect(askAgent(socket, `POST /v1/ipam/release?address=${address}`)).rejects.toThrow(
      "a eth0 lives and has it",
    );
    it.box.sh(a.netns, ["ip", "route", "del", "default"]);
    expect(await askAgent<object>(socket, "GET /v1/ipam/check")).toEqual({
      faults: [expect.stringMatching(/^a eth0: there is no pod's route 0\.0\.0\.0\/0 via 169\.254\.1\.1 dev #\d+$/)],
    });
    const done = await askAgent<object>(socket, `POST /v1/ipam/release?address=${address}&force=true`);
    expect(done).toEqual({ done: `took ${address} from a eth0` });
    await expect(askAgent(socket, `POST /v1/ipam/release?address=${address}`)).resolves.toEqual({
      done: `${address} may be given out again at once`,
    });
    await expect(askAgent(socket, "GET /v1/nothing")).rejects.toThrow("there is no GET /v1/nothing");
    const nowhere = join(it.node.folder, "nowhere.sock");
    await expect(askAgent(nowhere, "GET /v1/status")).rejects.toThrow(
      `Cannot ask the agent at ${nowhere}: there is no such socket; is \`twill agent\` running on this node?`,
    );
    const deaf = join(it.node.folder, "deaf.sock");
    writeFileSync(deaf, "");
    await expect(askAgent(deaf, "GET /v1/status")).rejects.toThrow(
      `Cannot ask the agent at ${deaf}: nobody listens there; is \`twill agent\` running on this node?`,
    );
  });

  test("tells the ways to other nodes, with programs or without", async () => {
    for (const programs of ["{ folder: BPF }", "{ enabled: false }"]) {
      await using it = await startNode(both, { programs });
      const socket = join(it.node.folder, "agent.sock");
      await using _api = await serveApi(it.node.agent, socket);
      it.node.sh("ip", "route", "add", "172.30.0.12/32", "dev", "lo");
      await it.server.addNode("n2", ["10.244.2.0/24"], ["172.30.0.12"]);
      await it.server.addNode("n3", ["10.244.3.0/24"], ["172.30.9.9"]);
      const peers = async () => (await askAgent<StatusMessage>(socket, "GET /v1/status")).peers;
      await until(async () => {
        const known = await peers();
        return known.length === 2 && known.some(({ via }) => via !== null);
      }, "they are known");
      expect((await peers()).map(({ node, way, via }) => [node, way, via])).toEqual([
        ["n2", "direct", ip("172.30.0.12")],
        ["n3", "unknown", null],
      ]);
    }
  });

  test("says what keeps it from answering", async () => {
    await using it = await startNode(both);
    const socket = join(it.node.folder, "agent.sock");
    await using _api = await serveApi(it.node.agent, socket);
    await it.node.agent[Symbol.asyncDispose]();
    await expect(askAgent(socket, "GET /v1/drops")).rejects.toThrow(/^Cannot answer GET \/v1\/drops: /);
  });

  test("tells of connections that were seen, and who opened them", async () => {
    await using it = await startNode(both);
    const socket = join(it.node.folder, "agent.sock");
    await using _api = await serveApi(it.node.agent, socket);
    const [a, b] = [await it.node.addPod("a"), await it.node.addPod("b")];
    const [from, to] = [addressAt(b.result, 0), addressAt(a.result, 0)];
    it.box.sh(b.netns, ["ping", "-c", "1", "-W", "10", to]);
    const { connections } = await askAgent<ConnectionsMessage>(socket, "GET /v1/connections?seconds=60");
    const ping = connections?.find(({ protocol, to: { address } }) => protocol === "icmp" && address === to);
    expect(ping).toMatchObject({ from: { address: from }, answered: true });
    expect(ping?.ageSeconds).toBeLessThan(60);
    await expect(askAgent(socket, "GET /v1/connections?seconds=soon")).rejects.toThrow(
      '"soon" is no number of seconds',
    );
  });
});
