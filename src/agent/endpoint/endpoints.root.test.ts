// Endpoints of a node while others are at work: what one has taken away the other finds gone, and what is said to be there is.

import { expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { Connection } from "#netlink/connection.ts";
import { isOwnAddress } from "#netlink/route-to.ts";
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

test(
  "a pod that was wired is reached in both families at once, though links come and go meanwhile",
  async () => {
    await using it = await startNode(["10.244.1.0/24", "fd00:10:244:1::/64"]);
    const { box, node } = it;
    const busy = box.netns("busy");
    const churn = "while :; do ip link add a type veth peer name b; ip link del a; done";
    const churns = Array.from({ length: 3 }, () => box.start(busy, ["sh", "-c", churn]));
    for (let number = 0; number < 20; number++) {
      const { path } = box.netns(`p${number}`);
      using netns = new Netns(path);
      using route = new Connection("route", netns);
      const result = await node.add(`p${number}`, path);
      // Before any other program has started, which takes as long as the kernel mostly needs.
      const isOwn = [0, 1].map((index) => isOwnAddress(route, ip(addressAt(result, index))));
      expect([number, ...isOwn]).toEqual([number, true, true]);
    }
    for (const { kill } of churns) kill();
  },
  testMs,
);
