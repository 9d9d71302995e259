// Endpoints of a node under calls that overlap: what one has taken away the other finds gone.

import { expect, test } from "bun:test";
import { addressAt, startNode } from "#test/agent.ts";

const testMs = 120_000;

test(
  "an endpoint that is removed twice takes nothing from whoever has its address since",
  async () => {
    await using it = await startNode(["10.244.1.0/24"]);
    const { node } = it;
    const { endpoints, ipam } = node.agent;
    const { result } = await node.addPod("a");
    const first = endpoints.find("a", "eth0");
    if (first?.ipv4 === undefined) throw new Error("ADD wrote nothing down");
    endpoints.remove(first);
    ipam.wake(first.ipv4);
    const next = await node.addPod("b", { conf: { runtimeConfig: { ips: [addressAt(result, 0)] } } });
    expect(addressAt(next.result, 0)).toBe(first.ipv4);
    endpoints.remove(first);
    expect(ipam.ownerOf(first.ipv4)).toContain("b eth0");
    const prevResult = next.result;
    expect(await node.cni("CHECK", "b", next.netns.path, { conf: { prevResult } })).toMatchObject({ exitCode: 0 });
    await node.stopAgent();
    await node.startAgent();
    expect(node.agent.ipam.usage(node.agent.nowMs())).toMatchObject([{ taken: 1, cooling: 0 }]);
  },
  testMs,
);
