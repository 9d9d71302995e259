// An agent that serves services: pods, the node and clients outside reach endpoints, before and after a restart.

import { expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import type { EndpointSlice } from "#kube/kinds.ts";
import { endpointSlices, pods, services } from "#kube/resource.ts";
import { ip } from "#net/ip.ts";
import { addressAt, startNode, type TestAgentNode } from "#test/agent.ts";
import { slice } from "#test/lab/services.ts";
import { Sandbox } from "#test/sandbox.ts";
import { SocketNode } from "#test/sockets/socket-node.ts";
import { ask, join, startEcho } from "#test/traffic.ts";
import { until } from "#test/until.ts";
import { releaseReservedPorts } from "./leave.ts";

const namespace = "shop";
/** Two agents start in turn. */
const testMs = 120_000;
const vip = "10.96.0.20";

function endpointsOf(...addresses: readonly string[]): EndpointSlice {
  return slice(addresses.map((address) => ({ addresses: [address], nodeName: "n1", conditions: { ready: true } })));
}

/** When the node's map leads somewhere else. */
async function untilLed(node: TestAgentNode, count: number, address = vip, port = 80): Promise<void> {
  const { frontends } = node.agent.datapath?.services ?? {};
  await until(() => {
    return frontends?.get({ address: ip(address), port, protocol: 6 })?.inside.count === count;
  }, `${address}:${port} leads to ${count}`);
}

test(
  "pods and clients outside reach services, which outlive the agent and come back when they are taken away",
  async () => {
    using groups = new Sandbox();
    await using sockets = new SocketNode(groups);
    await using it = await startNode(["10.244.1.0/24"], { services: `{ enabled: true, cgroup: ${sockets.cgroup} }` });
    const { box, node, server } = it;
    const { client } = server;
    const outside = box.netns("outside");
    join(box, [node.netns, "eth0", "192.0.2.1/24"], [outside, "eth0", "192.0.2.2/24"]);
    node.sh("ip", "route", "add", "default", "via", "192.0.2.2");
    const [a, b] = [await node.addPod("a"), await node.addPod("b")];
    await startEcho(box, b.netns, { port: 8080, name: "b" });
    await server.addNamespace(namespace);
    const spec = { clusterIP: vip, type: "NodePort" as const, ports: [{ port: 80, nodePort: 30080 }] };
    await client.create(services, { metadata: { namespace, name: "web" }, spec });
    await untilLed(node, 0);
    const { exitCode, stderr } = box.run(a.netns, ["timeout", "20", "bash", "-c", `exec 3<>/dev/tcp/${vip}/80`]);
    expect([exitCode, stderr]).toEqual([1, expect.stringContaining("Connection refused")]);

    const created = await client.create(endpointSlices, endpointsOf(addressAt(b.result, 0)));
    await untilLed(node, 1);
    expect(ask(box, a.netns, vip, 80)).toBe(`b ${addressAt(a.result, 0)}`);
    await untilLed(node, 1, "192.0.2.1", 30080);
    expect(ask(box, outside, "192.0.2.1", 30080)).toMatch(/^b /);
    expect(node.sh("cat", "/proc/sys/net/ipv4/ip_local_reserved_ports").trim()).toBe("61000-65535");

    await node.stopAgent();
    expect(ask(box, a.netns, vip, 80)).toBe(`b ${addressAt(a.result, 0)}`);
    node.log.length = 0;
    await node.startAgent();
    await until(() => node.agent.services?.isServing === true, "services are there");
    expect(node.log.filter((line) => /services: (set|add|remove|retire)/.test(line))).toEqual([]);
    const { frontends } = node.agent.datapath?.services ?? {};
    frontends?.delete({ address: ip(vip), port: 80, protocol: 6 });
    await untilLed(node, 1);
    expect(node.log.join("\n")).toContain(`frontend ${vip} 6 80 was missing, mended`);

    await client.update(endpointSlices, { ...created, endpoints: [] });
    await untilLed(node, 0);
    expect(node.agent.services?.problems).toEqual([]);
    using own = new Netns(node.netns.path);
    releaseReservedPorts({ netns: own });
    expect(node.sh("cat", "/proc/sys/net/ipv4/ip_local_reserved_ports").trim()).toBe("");
  },
  testMs,
);

test(
  "ports of the host lead to a pod while it is there",
  async () => {
    using groups = new Sandbox();
    await using sockets = new SocketNode(groups);
    await using it = await startNode(["10.244.1.0/24"], { services: `{ enabled: true, cgroup: ${sockets.cgroup} }` });
    const { box, node, server } = it;
    const outside = box.netns("outside");
    join(box, [node.netns, "eth0", "192.0.2.1/24"], [outside, "eth0", "192.0.2.2/24"]);
    node.sh("ip", "route", "add", "default", "via", "192.0.2.2");
    await server.addNamespace(namespace);
    const container = { name: "web", image: "web", ports: [{ containerPort: 8080, hostPort: 8088 }] };
    const spec = { nodeName: "n1", containers: [container] };
    await server.client.create(pods, { metadata: { namespace, name: "web-1" }, spec });
    const portMappings = [{ hostPort: 8088, containerPort: 8080, protocol: "tcp" }];
    const changes = {
      args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=${namespace};K8S_POD_NAME=web-1`,
      conf: { runtimeConfig: { portMappings } },
    };
    const pod = await node.addPod("web", changes);
    await startEcho(box, pod.netns, { port: 8080, name: "web" });
    await untilLed(node, 1, "192.0.2.1", 8088);
    expect(ask(box, outside, "192.0.2.1", 8088)).toBe("web 192.0.2.2");
    // The kernel translates nothing.
    expect(node.sh("nft", "list", "ruleset")).not.toContain("8088");
    await node.cni("DEL", "web", pod.netns.path, changes);
    const { frontends } = node.agent.datapath?.services ?? {};
    await until(
      () => frontends?.get({ address: ip("192.0.2.1"), port: 8088, protocol: 6 }) === undefined,
      "the port is closed",
    );
  },
  testMs,
);
