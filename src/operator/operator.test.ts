// Operators on an API server in memory: one leads, another takes over, and every node gets its block.

import { describe, expect, test } from "bun:test";
import { KubeClient } from "#kube/client.ts";
import type { Node } from "#kube/kinds.ts";
import { events, leases, nodes, services } from "#kube/resource.ts";
import type { Transport } from "#kube/transport.ts";
import { cidr } from "#net/cidr.ts";
import { pace, TestCluster } from "#test/lab/cluster.ts";
import { readBalancerPools } from "./balancer-pools.ts";
import type { BlockPool } from "./node-blocks.ts";
import { operatorLease, runOperator, toBlockNode } from "./operator.ts";

const namespace = "kube-system";

/** An operator whose time runs faster than ours. */
function operator(
  cluster: TestCluster,
  identity: string,
  speed: number,
  client = cluster.client,
  pools: readonly BlockPool[] = [{ range: cidr("10.50.0.0/16"), blockLength: 24 }],
) {
  const end = new AbortController();
  const log: string[] = [];
  const ended = runOperator(
    {
      client,
      pace: { ...pace, sleep: (ms, signal) => pace.sleep(ms / speed, signal) },
      nowMs: () => Date.now() * speed,
      log: (line) => log.push(line),
      identity,
      namespace,
      pools,
      balancerPools: readBalancerPools(["192.0.2.1"]),
    },
    end.signal,
  );
  async function stop(): Promise<void> {
    end.abort();
    await ended;
  }
  return { log, stop };
}

async function holderOf(cluster: TestCluster): Promise<string | undefined> {
  return (await cluster.client.get(leases, { namespace, name: operatorLease })).spec?.holderIdentity;
}

/** The cluster's, but before a node is written for the first time, somebody else writes it. */
function overtaken(cluster: TestCluster, overtake: () => Promise<unknown>): KubeClient {
  const { transport } = cluster;
  let first = true;
  const request: Transport["request"] = async (each) => {
    if (first && each.method === "PATCH" && each.path.startsWith("/api/v1/nodes/")) {
      first = false;
      await overtake();
    }
    return await transport.request(each);
  };
  return new KubeClient({ ...transport, request }, "test");
}

describe("runOperator()", () => {
  test("gives blocks to nodes, also to those that come later", async () => {
    using cluster = new TestCluster({ blockPools: [] });
    await cluster.start("node1");
    const first = operator(cluster, "first", 20);
    const blockOf = (name: string) => async () => (await cluster.client.get(nodes, { name })).spec?.podCIDR;
    expect(await cluster.until("a block", blockOf("node1"))).toBe("10.50.0.0/24");
    await cluster.addNode("node2");
    expect(await cluster.until("another block", blockOf("node2"))).toBe("10.50.1.0/24");
    await first.stop();
  });

  test("keeps of a node what its blocks depend on", () => {
    const metadata = { name: "node1", uid: "u", creationTimestamp: "t", resourceVersion: "7", labels: { zone: "a" } };
    const node = { apiVersion: "v1", kind: "Node", metadata, spec: { taints: [] }, status: { images: [] } } as const;
    const kept = { name: "node1", uid: "u", creationTimestamp: "t", resourceVersion: "7" };
    expect(toBlockNode(node as unknown as Node)).toEqual({ apiVersion: "v1", kind: "Node", metadata: kept, spec: {} });
    const blocks = { podCIDR: "10.50.0.0/24", podCIDRs: ["10.50.0.0/24"] };
    expect(toBlockNode({ ...node, spec: blocks } as unknown as Node).spec).toEqual(blocks);
  });

  test("says in an event at a node why it gets none", async () => {
    using cluster = new TestCluster({ blockPools: [] });
    await cluster.start("node1", "node2");
    const only = operator(cluster, "only", 20, cluster.client, [{ range: cidr("10.50.0.0/24"), blockLength: 24 }]);
    const told = async () => {
      const { items } = await cluster.client.listAll(events);
      return items.find(({ reason }) => reason === "NoAddressBlock");
    };
    const event = await cluster.until("an event", told);
    const sentence = "all blocks of 10.50.0.0/24 are taken: add a --cluster-cidr, or remove nodes";
    expect(event).toMatchObject({
      type: "Warning",
      involvedObject: { kind: "Node", name: "node2" },
      message: `The node gets no addresses for pods, ${sentence}`,
    });
    await cluster.client.remove(nodes, { name: "node1" });
    const block = async () => (await cluster.client.get(nodes, { name: "node2" })).spec?.podCIDR;
    expect(await cluster.until("a block", block)).toBe("10.50.0.0/24");
    await only.stop();
    expect(only.log.filter((line) => line.includes("gets no addresses"))).toEqual([
      `operator: node node2 gets no addresses, ${sentence}`,
    ]);
  });

  const overtakes: readonly (readonly [who: string, patch: Partial<Node>, block: string, log: readonly string[]])[] = [
    [
      "a kubelet, and loses nothing by it",
      { metadata: { name: "node1", annotations: { written: "now" } } },
      "10.50.0.0/24",
      ["operator: give 10.50.0.0/24 to node node1"],
    ],
    [
      "somebody else who gives it blocks, and leaves them",
      { spec: { podCIDR: "10.60.0.0/24", podCIDRs: ["10.60.0.0/24"] } },
      "10.60.0.0/24",
      ["operator: give 10.50.0.0/24 to node node1"],
    ],
  ];
  for (const [who, patch, block, log] of overtakes) {
    test(`is overtaken by ${who}`, async () => {
      using cluster = new TestCluster({ blockPools: [] });
      await cluster.start("node1");
      const client = overtaken(cluster, () => cluster.client.patch(nodes, { name: "node1" }, "merge", patch));
      const first = operator(cluster, "first", 20, client);
      const given = async () => (await cluster.client.get(nodes, { name: "node1" })).spec?.podCIDR;
      expect(await cluster.until("a block", given)).toBe(block);
      await Bun.sleep(100);
      expect(first.log.filter((line) => line.startsWith("operator: "))).toEqual([...log]);
      await first.stop();
    });
  }

  test("gives services outer addresses, takes them back, and says in an event why one gets none", async () => {
    using cluster = new TestCluster({ blockPools: [] });
    await cluster.start();
    const first = operator(cluster, "first", 20);
    const make = (name: string) => ({
      metadata: { namespace: "default", name },
      spec: { type: "LoadBalancer" as const, ports: [{ port: 80 }], allocateLoadBalancerNodePorts: false },
    });
    const addressOf = (name: string) => async () => {
      const { status } = await cluster.client.get(services, { namespace: "default", name });
      return status?.loadBalancer?.ingress?.map(({ ip, ipMode }) => `${ip} ${ipMode}`).join() ?? "none";
    };
    const untilHas = (name: string, text: string) =>
      cluster.until(`${name} has ${text}`, async () => ((await addressOf(name)()) === text ? true : undefined));
    await cluster.client.create(services, make("a"));
    await untilHas("a", "192.0.2.1 VIP");
    await cluster.client.create(services, make("b"));
    await cluster.until("an event", async () => {
      const { items } = await cluster.client.listAll(events);
      return items.find(({ reason }) => reason === "NoLoadBalancerAddress")?.message;
    });
    const place = { namespace: "default", name: "a" };
    await cluster.client.patch(services, place, "merge", { spec: { type: "ClusterIP" } });
    await untilHas("b", "192.0.2.1 VIP");
    await untilHas("a", "none");
    await first.stop();
  });

  test("leads alone, and hands over at its end", async () => {
    using cluster = new TestCluster({ blockPools: [] });
    await cluster.start();
    const first = operator(cluster, "first", 20);
    await cluster.until("the first", async () => ((await holderOf(cluster)) === "first" ? true : undefined));
    const second = operator(cluster, "second", 20);
    await Bun.sleep(500);
    expect([await holderOf(cluster), second.log]).toEqual(["first", []]);
    await first.stop();
    await cluster.until("the second", async () => ((await holderOf(cluster)) === "second" ? true : undefined));
    await second.stop();
    const lease = await cluster.client.get(leases, { namespace, name: operatorLease });
    expect([lease.spec?.holderIdentity, lease.spec?.leaseTransitions]).toEqual(["", 1]);
  });

  test("takes over from one that is silent, not before its lease has run out", async () => {
    using cluster = new TestCluster({ blockPools: [] });
    await cluster.start();
    const spec = { holderIdentity: "gone", leaseDurationSeconds: 15, renewTime: "2026-01-01T00:00:00.000000Z" };
    await cluster.client.create(leases, { metadata: { namespace, name: operatorLease }, spec });
    const started = Date.now();
    const speed = 20;
    const next = operator(cluster, "next", speed);
    await cluster.until("the next", async () => ((await holderOf(cluster)) === "next" ? true : undefined));
    expect((Date.now() - started) * speed).toBeGreaterThan(15_000);
    await next.stop();
  });
});
