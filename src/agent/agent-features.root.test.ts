// What a runtime, a pod's annotations and an administrator may ask of the agent, through the real shim.

import { describe, expect, setDefaultTimeout, test } from "bun:test";
import type { Event } from "kubernetes-types/core/v1";
import { events, pods } from "#kube/resource.ts";
import { addressAt, type CniChanges, startNode } from "#test/agent.ts";
import { ask, startEcho } from "#test/traffic.ts";
import { until } from "#test/until.ts";

// Loading the programs takes a machine that is busy a second or more.
setDefaultTimeout(60_000);

const both = ["10.244.1.0/24", "fd00:10:244:1::/64"];
const reaches = (address: string) => ["ping", "-c", "1", "-W", "10", "-n", address];

describe("what a runtime asks for", () => {
  test("addresses, hardware address and MTU", async () => {
    await using it = await startNode(both);
    const runtimeConfig = { ips: ["10.244.1.77/24", "fd00:10:244:1::77"], mac: "02:aa:bb:cc:dd:ee", mtu: 1300 };
    const { netns, result } = await it.node.addPod("a", { conf: { runtimeConfig } });
    expect([addressAt(result, 0), addressAt(result, 1)]).toEqual(["10.244.1.77", "fd00:10:244:1::77"]);
    const link = it.box.sh(netns, ["ip", "link", "show", "eth0"]);
    expect(link).toContain("02:aa:bb:cc:dd:ee");
    expect(link).toContain("mtu 1300");
    const other = it.box.netns("b");
    const taken = await it.node.cni("ADD", "b", other.path, { conf: { runtimeConfig } });
    expect(JSON.parse(taken.stdout)).toMatchObject({ code: 11, msg: expect.stringContaining("a eth0 has it") });
    const strange = await it.node.cni("ADD", "b", other.path, { conf: { runtimeConfig: { ips: ["10.9.0.1"] } } });
    expect(JSON.parse(strange.stdout)).toMatchObject({
      code: 7,
      msg: expect.stringContaining("this node's blocks are 10.244.1.0/24"),
    });
  });

  test("in a sentence, when it cannot be", async () => {
    await using it = await startNode(both);
    const netns = it.box.netns("a");
    const ips = (...given: readonly string[]) => ({ conf: { runtimeConfig: { ips: given } } });
    const mac = (given: string) => ({ conf: { runtimeConfig: { mac: given } } });
    const rows: readonly (readonly [changes: CniChanges, code: number, sentence: string, path?: string])[] = [
      [
        ips("10.244.1.5", "10.244.1.6"),
        7,
        "Cannot give 10.244.1.5 and 10.244.1.6, which the runtime asks for: a pod has one address of each family",
      ],
      [ips("10.244.1.0"), 7, "Cannot give 10.244.1.0, which the runtime asks for: in 10.244.1.0/24 it is no host's"],
      [ips("10.244.1.255"), 7, "in 10.244.1.0/24 it is no host's"],
      [ips("fd00:10:244:1::"), 7, "in fd00:10:244:1::/64 it is no host's"],
      [{ args: "IP=ten" }, 4, "CNI_ARGS has IP=ten: it must be IP addresses, with commas between them"],
      [{ args: "MAC=ten" }, 4, "CNI_ARGS has MAC=ten: it must be a hardware address"],
      [mac("01:00:5e:00:00:01"), 7, "Cannot give hardware address 01:00:5e:00:00:01: no interface can have it"],
      [
        { conf: { runtimeConfig: { portMappings: [{ hostPort: 70_000, containerPort: 80, protocol: "tcp" }] } } },
        7,
        "hostPort",
      ],
      [mac("00:00:00:00:00:00"), 7, "Cannot give hardware address 00:00:00:00:00:00: no interface can have it"],
      [{}, 8, `Cannot use network namespace "${it.node.netns.path}": it is the node's own`, it.node.netns.path],
    ];
    for (const [changes, code, sentence, path = netns.path] of rows) {
      const ran = await it.node.cni("ADD", "a", path, changes);
      expect(JSON.parse(ran.stdout)).toMatchObject({ code, msg: expect.stringContaining(sentence) });
      expect(await it.node.cni("DEL", "a", path, changes)).toMatchObject({ exitCode: 0 });
    }
    expect(it.node.agent.endpoints.list()).toEqual([]);
    const args = "IP=10.244.1.9;MAC=02:aa:bb:cc:dd:ee;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web";
    const result = await it.node.add("a", netns.path, { args });
    expect([addressAt(result, 0), result.interfaces?.[1]?.mac]).toEqual(["10.244.1.9", "02:aa:bb:cc:dd:ee"]);
  });

  test("every version of the specification from 0.3.0 on", async () => {
    await using it = await startNode(both);
    for (const cniVersion of ["0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
      const { result, netns } = await it.node.addPod(`v-${cniVersion}`, { conf: { cniVersion } });
      expect(result).toMatchObject({ cniVersion, ips: [{ interface: 1 }, { interface: 1 }] });
      expect(await it.node.cni("DEL", `v-${cniVersion}`, netns.path, { conf: { cniVersion } })).toMatchObject({
        exitCode: 0,
      });
    }
    expect(JSON.parse((await it.node.cni("VERSION", "", "")).stdout)).toMatchObject({
      supportedVersions: expect.arrayContaining(["0.3.0", "1.1.0"]),
    });
  });

  test("limits of bandwidth, both ways", async () => {
    await using it = await startNode(both);
    const bandwidth = { ingressRate: 8_000_000, ingressBurst: 800_000, egressRate: 4_000_000, egressBurst: 400_000 };
    const { netns, result } = await it.node.addPod("a", { conf: { runtimeConfig: { bandwidth } } });
    const bucket = () => it.node.sh("tc", "-s", "qdisc", "show", "dev", result.interfaces?.[0]?.name ?? "", "root");
    expect(bucket()).toContain("rate 8Mbit");
    expect(it.box.sh(netns, ["tc", "qdisc", "show", "dev", "eth0"])).toContain("rate 4Mbit");
    const peer = await it.node.addPod("b");
    const before = sentOf(bucket());
    expect(it.box.run(peer.netns, reaches(addressAt(result, 0)))).toMatchObject({ exitCode: 0 });
    expect(sentOf(bucket())).toBeGreaterThan(before);
    const conf = { runtimeConfig: { bandwidth }, prevResult: result };
    expect(await it.node.cni("CHECK", "a", netns.path, { conf })).toMatchObject({ exitCode: 0, stdout: "" });
    it.node.sh("tc", "qdisc", "del", "dev", result.interfaces?.[0]?.name ?? "", "root");
    const check = await it.node.cni("CHECK", "a", netns.path, { conf });
    expect(check.stdout).toContain("CHECK failed: there is no tbf rate 1000000 B/s");
  });

  test("a port of the node, for the node and for other pods", async () => {
    await using it = await startNode(both);
    const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
    const { netns, result } = await it.node.addPod("a", { conf: { runtimeConfig: { portMappings } } });
    await startEcho(it.box, netns, { port: 80, name: "web" });
    const client = await it.node.addPod("b");
    expect(ask(it.box, it.node.netns, "172.30.0.11", 8080)).toStartWith("web ");
    expect(ask(it.box, client.netns, "172.30.0.11", 8080)).toBe(`web ${addressAt(client.result, 0)}`);
    expect(ask(it.box, client.netns, addressAt(result, 0), 80)).toBe(`web ${addressAt(client.result, 0)}`);
    expect(await it.node.cni("DEL", "a", netns.path)).toMatchObject({ exitCode: 0 });
    expect(it.node.sh("nft", "list", "table", "inet", "twill_portmap")).not.toContain(addressAt(result, 0));
  });
});

describe("a port of the node", () => {
  const portMappings = [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }];
  const rows: readonly (readonly [command: string, changes: CniChanges])[] = [
    ["DEL", {}],
    ["GC", { conf: { "cni.dev/valid-attachments": [] } }],
  ];
  for (const [command, changes] of rows) {
    test(`goes with ${command} also when the pod's namespace went first`, async () => {
      await using it = await startNode(both);
      const { netns, result } = await it.node.addPod("a", { conf: { runtimeConfig: { portMappings } } });
      it.box.sh(it.node.netns, ["ip", "netns", "del", netns.name]);
      await until(() => it.node.agent.endpoints.list().length === 0, "the endpoint is gone");
      expect(await it.node.cni(command, command === "DEL" ? "a" : "", "", changes)).toMatchObject({ exitCode: 0 });
      expect(it.node.sh("nft", "list", "table", "inet", "twill_portmap")).not.toContain(addressAt(result, 0));
    });
  }
});

describe("what a pod's annotation asks for", () => {
  const kubernetes = (name: string) => ({ args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=${name}` });

  test("is the address that the pod gets, or the reason why not", async () => {
    await using it = await startNode(both);
    await it.server.addNamespace("shop");
    for (const [name, wish] of [
      ["db", "10.244.1.9, fd00:10:244:1::9"],
      ["twin", "10.244.1.9"],
      ["odd", "ten"],
      ["pair", "10.244.1.20, 10.244.1.21"],
    ] as const) {
      const metadata = { namespace: "shop", name, annotations: { "twill.dev/addresses": wish } };
      const spec = { nodeName: "n1", containers: [{ name: "a", image: "a" }] };
      await it.server.client.create(pods, { metadata, spec });
    }
    const { result } = await it.node.addPod("db", kubernetes("db"));
    expect([addressAt(result, 0), addressAt(result, 1)]).toEqual(["10.244.1.9", "fd00:10:244:1::9"]);
    const refusals = [
      [
        "twin",
        11,
        "Cannot give 10.244.1.9, which annotation twill.dev/addresses of pod shop/twin asks for: shop/db eth0 has it",
      ],
      [
        "pair",
        7,
        "Cannot give 10.244.1.20 and 10.244.1.21, which annotation twill.dev/addresses of pod shop/pair asks for: a pod has one address of each family",
      ],
      ["odd", 7, 'annotation twill.dev/addresses of pod shop/odd must be addresses separated by commas, found "ten"'],
    ] as const;
    for (const [name, code, sentence] of refusals) {
      const ran = await it.node.cni("ADD", name, it.box.netns(name).path, kubernetes(name));
      expect(JSON.parse(ran.stdout)).toMatchObject({ code, msg: sentence });
      // People look for it at the pod.
      const told = async () => (await it.server.client.listAll(events)).items.map(eventText);
      await until(
        async () => (await told()).includes(`${name}: FailedNetworkSetup: ${sentence}`),
        `an event of ${name}`,
      );
    }
    // Containers that no API server knows: a runtime's own.
    expect((await it.node.addPod("own", kubernetes("own"))).result.ips).toHaveLength(2);
  });
});

describe("addresses", () => {
  test("run out with a sentence that says when the next one is free, and rest before they come again", async () => {
    await using it = await startNode(["10.244.1.0/30"]);
    const a = await it.node.addPod("a");
    await it.node.addPod("b");
    const third = it.box.netns("c");
    const before = await it.node.cni("ADD", "c", third.path);
    const full =
      "The node is out of addresses: 10.244.1.0/30 has 2: 2 taken, 0 resting; the next one is free when a pod goes";
    expect(JSON.parse(before.stdout)).toMatchObject({ code: 11, msg: full });
    await it.node.cni("DEL", "a", a.netns.path);
    const resting = JSON.parse((await it.node.cni("ADD", "c", third.path)).stdout);
    expect(resting.msg).toMatch(/1 taken, 1 resting; the next one is free in (2[0-9]|30) s$/);
    it.node.aheadMs = 30_000;
    expect((await it.node.add("c", third.path)).ips[0]?.address).toBe("10.244.1.1/32");
  });

  test("of pods that go leave no tracked connections behind", async () => {
    await using it = await startNode(both);
    const [a, b] = [await it.node.addPod("a"), await it.node.addPod("b")];
    it.node.sh(
      "nft",
      "add table inet track; add chain inet track forward { type filter hook forward priority 0; }; add rule inet track forward ct state new accept",
    );
    const address = addressAt(b.result, 0);
    expect(it.box.run(a.netns, reaches(address))).toMatchObject({ exitCode: 0 });
    const tracked = () => it.node.sh("cat", "/proc/net/nf_conntrack");
    expect(tracked()).toContain(`dst=${address}`);
    await it.node.cni("DEL", "b", b.netns.path);
    await until(() => !tracked().includes(`dst=${address}`), "the connection is forgotten");
  });
});

function eventText({ involvedObject, reason, message }: Pick<Event, "involvedObject" | "reason" | "message">): string {
  return `${involvedObject.name}: ${reason}: ${message}`;
}

/** Packets that a qdisc has sent, as tc prints it. */
function sentOf(shown: string): number {
  return Number(/Sent \d+ bytes (\d+) pkt/.exec(shown)?.[1]);
}
