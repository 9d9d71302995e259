// The service proxy in namespaces: services in an API server in memory, connections of pods, the node and a client outside.

import { describe, expect, test } from "bun:test";
import { Netns as OpenNetns } from "#kernel/netns.ts";
import { KubeClient } from "#kube/client.ts";
import type { EndpointSlice, Service } from "#kube/kinds.ts";
import { endpointSlices, services } from "#kube/resource.ts";
import { localTransport } from "#lab/apiserver/local-transport.ts";
import { ClusterView } from "#lab/cluster-view.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { TestApi } from "#test/lab/api.ts";
import { pace } from "#test/lab/cluster.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { addBridge, addPod, ask, askBriefly, makeWorld, startEcho, type World } from "#test/traffic.ts";
import { until } from "#test/until.ts";
import type { NodeSide } from "./node-side.ts";
import { startServiceProxy } from "./service-proxy.ts";

const side: NodeSide = {
  node: "node1",
  addresses: [ip("192.0.2.1"), ip("fd02::1")],
  podBlocks: { ipv4: cidr("10.1.0.0/16"), ipv6: cidr("fd01::/64") },
  serviceBlocks: { ipv4: cidr("10.96.0.0/16"), ipv6: cidr("fd00:10:96::/112") },
};
const web = "10.96.0.20";
/** The proxy gathers changes for 10 ms. */
const settledMs = 40;
const testMs = 60_000;

/** A node with two pods on a bridge, 10.1.0.7 and 10.1.0.8, and the proxy; services are made by hand. */
class TestNode implements Disposable {
  readonly world: World;
  readonly pods: readonly [Netns, Netns];
  readonly box: Sandbox;
  readonly log: string[] = [];
  readonly #client: KubeClient;
  readonly #view: ClusterView;
  readonly #stack = new DisposableStack();

  private constructor(api: TestApi, box: Sandbox, more: Partial<NodeSide>) {
    this.box = this.#stack.use(box);
    this.#stack.use(api);
    this.#client = new KubeClient(localTransport(api.server, { username: "t", groups: ["system:masters"] }), "test");
    this.world = makeWorld(box);
    addBridge(box, this.world, "br1", 1);
    this.pods = [addPod(box, this.world, "br1", 1, 7), addPod(box, this.world, "br1", 1, 8)];
    for (const port of ["v1x7", "v1x8"]) {
      box.sh(this.world.node, ["ip", "link", "set", port, "type", "bridge_slave", "hairpin", "on"]);
    }
    const route = ["ip", "route", "add", "default", "via", "192.0.2.2"];
    box.sh(this.world.node, route);
    box.sh(this.world.node, ["ip", "-6", "route", "add", "default", "via", "fd02::2"]);
    box.sh(this.world.outside, ["ip", "route", "add", "192.0.2.100/32", "via", "192.0.2.1"]);
    const failed = (error: unknown) => this.log.push(`${error}`);
    const view = this.#stack.use(new ClusterView({ client: this.#client, pace, failed }));
    this.#view = view;
    const netns = this.#stack.use(new OpenNetns(this.world.node.path));
    this.#stack.use(startServiceProxy({ view, side: { ...side, ...more }, netns, log: (line) => this.log.push(line) }));
  }

  static async make(more: Partial<NodeSide> = {}): Promise<TestNode> {
    const api = await TestApi.withShop({ serviceBlocks: Object.values(side.serviceBlocks) });
    return new TestNode(api, new Sandbox(), more);
  }

  async echo(protocol: "tcp" | "udp" = "tcp"): Promise<void> {
    for (const [i, pod] of this.pods.entries())
      await startEcho(this.box, pod, { protocol, port: 8080, name: `pod${i}` });
  }

  async apply(
    spec: Service["spec"],
    endpoints: EndpointSlice["endpoints"],
    rest: Partial<EndpointSlice> = {},
  ): Promise<void> {
    const ports = [{ port: 80, protocol: "TCP" }];
    const { metadata } = await this.#client.apply(services, {
      metadata: { namespace: "shop", name: "web" },
      spec: { clusterIP: web, clusterIPs: [web], ports, ...spec },
    });
    await until(() => this.#view.service("shop/web")?.metadata.resourceVersion === metadata.resourceVersion);
    await this.applySlice(endpoints, rest);
  }

  /** Returns when the proxy has made what it asks for. */
  async applySlice(endpoints: EndpointSlice["endpoints"], rest: Partial<EndpointSlice> = {}): Promise<void> {
    const metadata = { namespace: "shop", name: "web-1", labels: { "kubernetes.io/service-name": "web" } };
    const slice = { addressType: "IPv4", ports: [{ port: 8080, protocol: "TCP" }], ...rest, metadata, endpoints };
    const { metadata: written } = await this.#client.apply(endpointSlices, slice);
    const seen = () => this.#view.slicesOf("shop/web")[0]?.metadata.resourceVersion;
    await until(() => seen() === written.resourceVersion);
    await Bun.sleep(settledMs);
  }

  ask(from: Netns, address: string, port = 80, protocol: "tcp" | "udp" = "tcp"): string {
    return ask(this.box, from, address, port, protocol);
  }

  /** Who answers in many connections, each name once. */
  who(from: Netns, address: string, port = 80): string {
    const names = Array.from({ length: 12 }, () => this.ask(from, address, port).split(" ")[0]);
    return [...new Set(names)].sort().join(" ");
  }

  table(): string {
    return this.box.sh(this.world.node, ["nft", "list", "table", "inet", "twill_services"]);
  }

  [Symbol.dispose](): void {
    this.#stack[Symbol.dispose]();
  }
}

const pod0 = { addresses: ["10.1.0.7"], nodeName: "node1", conditions: { ready: true } };
const pod1 = { addresses: ["10.1.0.8"], nodeName: "node1", conditions: { ready: true } };
const elsewhere = { ...pod1, nodeName: "node2" };
const outer = {
  type: "NodePort",
  ports: [{ port: 80, protocol: "TCP", nodePort: 30080 }],
  externalIPs: ["192.0.2.100"],
};

describe("startServiceProxy()", () => {
  test(
    "spreads connections of pods and of the node, keeps pods' addresses, and lets a pod meet itself",
    async () => {
      using node = await TestNode.make();
      await node.echo();
      await node.apply({}, [pod0, pod1]);
      const [first] = node.pods;
      expect(node.who(first, web)).toBe("pod0 pod1");
      expect(node.who(node.world.node, web)).toBe("pod0 pod1");
      await node.applySlice([pod1]);
      expect(node.ask(first, web)).toBe("pod1 10.1.0.7");
      await node.applySlice([pod0]);
      // Its own answer must come back through the node.
      expect(node.ask(first, web)).toBe("pod0 10.1.0.1");
    },
    testMs,
  );

  test(
    "refuses at once where there is no endpoint, and keeps silent where a policy forbids all of them",
    async () => {
      using node = await TestNode.make();
      await node.echo();
      const [first] = node.pods;
      const connect = (from: Netns, port = 80) =>
        node.box.run(from, ["timeout", "1", "bash", "-c", `exec 3<>/dev/tcp/${web}/${port}`]);
      await node.apply({}, []);
      for (const from of [first, node.world.node]) expect(connect(from).stderr).toContain("Connection refused");
      await node.apply({ internalTrafficPolicy: "Local" }, [elsewhere]);
      expect(connect(first).exitCode).toBe(124);
      await node.apply({ internalTrafficPolicy: "Local" }, [pod0, elsewhere]);
      expect(node.who(node.pods[1], web)).toBe("pod0");
      for (const from of [first, node.world.node]) expect(connect(from, 81).stderr).toContain("Connection refused");
    },
    testMs,
  );

  test(
    "is reached from outside by node port and external address, as itself or as the client",
    async () => {
      using node = await TestNode.make();
      await node.echo();
      const { outside } = node.world;
      await node.apply(outer, [pod0]);
      for (const [address, port] of [
        ["192.0.2.1", 30080],
        ["192.0.2.100", 80],
      ] as const) {
        expect(node.ask(outside, address, port)).toBe("pod0 10.1.0.1");
        expect(node.ask(node.pods[1], address, port)).toBe("pod0 10.1.0.1");
        expect(node.ask(node.world.node, address, port)).toStartWith("pod0 ");
      }
      await node.apply({ ...outer, externalTrafficPolicy: "Local" }, [pod0, elsewhere]);
      for (const [address, port] of [
        ["192.0.2.1", 30080],
        ["192.0.2.100", 80],
      ] as const) {
        expect(node.ask(outside, address, port)).toBe("pod0 192.0.2.2");
        expect(node.who(outside, address, port)).toBe("pod0");
        expect(node.who(node.pods[0], address, port)).toBe("pod0 pod1");
      }
      await node.apply({ ...outer, externalTrafficPolicy: "Local" }, [elsewhere]);
      expect(askBriefly(node.box, outside, "192.0.2.1", 30080)).toBe("");
    },
    testMs,
  );

  test(
    "serves IPv6",
    async () => {
      using node = await TestNode.make();
      await node.echo();
      const endpoints = [
        { ...pod0, addresses: ["fd01::7"] },
        { ...pod1, addresses: ["fd01::8"] },
      ];
      await node.apply(
        {
          clusterIP: "fd00:10:96::20",
          clusterIPs: ["fd00:10:96::20"],
          ipFamilies: ["IPv6"],
          ipFamilyPolicy: "SingleStack",
        },
        endpoints,
        { addressType: "IPv6" },
      );
      expect(node.who(node.pods[0], "fd00:10:96::20")).toBe("pod0 pod1");
      await node.applySlice(endpoints.slice(0, 1), { addressType: "IPv6" });
      expect(node.ask(node.pods[0], "fd00:10:96::20")).toBe("pod0 fd01::1");
    },
    testMs,
  );

  test(
    "keeps a client at its target until that goes",
    async () => {
      using node = await TestNode.make();
      await node.echo();
      await node.apply({ sessionAffinity: "ClientIP" }, [pod0, pod1]);
      const chosen = node.who(node.pods[0], web);
      expect(["pod0", "pod1"]).toContain(chosen);
      await node.applySlice(chosen === "pod0" ? [pod1] : [pod0]);
      const other = chosen === "pod0" ? "pod1" : "pod0";
      expect(node.who(node.pods[0], web)).toBe(other);
      await node.applySlice([pod0, pod1]);
      expect(node.who(node.pods[0], web)).toBe(other);
    },
    testMs,
  );

  test(
    "moves datagrams of a client that keeps its port to another target",
    async () => {
      using node = await TestNode.make();
      await node.echo("udp");
      const udp = { ports: [{ port: 8080, protocol: "UDP" }] };
      await node.apply({ ports: [{ port: 53, protocol: "UDP" }] }, [pod0], udp);
      const script = `
      exec 3<>/dev/udp/${web}/53
      for i in $(seq 2000); do echo >&3; timeout 1 head -n1 <&3; sleep 0.02; done`;
      const client = node.box.start(node.pods[1], ["bash", "-c", script]);
      await until(() => client.output().includes("pod0"));
      await node.applySlice([pod1], udp);
      await until(() => client.output().includes("pod1"));
      expect(client.output()).not.toMatch(/pod1[\s\S]*pod0/);
    },
    testMs,
  );

  test(
    "is there for pods of one bridge whose frames the node does not see, as the node itself",
    async () => {
      using node = await TestNode.make({ bridgedBehind: "vout" });
      const off = "for f in iptables ip6tables; do echo 0 > /proc/sys/net/bridge/bridge-nf-call-$f; done";
      node.box.sh(node.world.node, ["sh", "-c", off]);
      await node.echo();
      await node.apply({ ...outer, externalTrafficPolicy: "Local" }, [pod1]);
      expect(node.ask(node.pods[0], web)).toBe("pod1 10.1.0.1");
      // Whoever is not on the bridge is seen as before.
      expect(node.ask(node.world.outside, "192.0.2.1", 30080)).toBe("pod1 192.0.2.2");
    },
    testMs,
  );

  test(
    "leaves the number of rules as it is, whatever the number of services",
    async () => {
      using node = await TestNode.make();
      await node.apply(outer, [pod0, pod1]);
      const rules = (text: string) => text.split("\n").filter((line) => /dnat|vmap|masquerade/.test(line)).length;
      const before = rules(node.table());
      await node.apply(
        { ...outer, ports: Array.from({ length: 50 }, (_, i) => ({ name: `p${i}`, port: 80 + i })) },
        [pod0, pod1],
        {
          ports: Array.from({ length: 50 }, (_, i) => ({ name: `p${i}`, port: 8080, protocol: "TCP" })),
        },
      );
      expect(rules(node.table())).toBe(before);
      expect(node.table()).toContain("10.96.0.20 . tcp . 129 : 10.1.0.8 . 8080");
    },
    testMs,
  );
});
