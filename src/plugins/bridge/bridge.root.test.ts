// Tests bridge against the kernel, with Debian's host-local for the addresses.

import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync } from "node:fs";
import { callPlugin, mustCall } from "#test/cni-call.ts";
import { testHost } from "#test/host.ts";
import { type Netns, needsRoot, Sandbox } from "#test/sandbox.ts";
import { bridge } from "./plugin.ts";

needsRoot();

type IpLink = {
  readonly ifname: string;
  readonly linkinfo?: { readonly info_kind?: string };
  readonly address: string;
};

function config(
  box: Sandbox,
  more: Readonly<Record<string, unknown>> = {},
  ranges: readonly string[] = ["10.88.0.0/24"],
) {
  const ipam = { type: "host-local", dataDir: box.dir(), ranges: ranges.map((subnet) => [{ subnet }]) };
  return { cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "br0", ipam, ...more };
}

function links(box: Sandbox, ns: Netns): readonly IpLink[] {
  return JSON.parse(box.sh(ns, ["ip", "-j", "-d", "link"])) as readonly IpLink[];
}

function veths(box: Sandbox, ns: Netns): readonly string[] {
  return links(box, ns)
    .filter(({ linkinfo }) => linkinfo?.info_kind === "veth")
    .map(({ ifname }) => ifname);
}

function reservations(dataDir: string): readonly string[] {
  const dir = `${dataDir}/net1`;
  return existsSync(dir) ? readdirSync(dir).filter((name) => /^[\d.:a-f]+$/.test(name)) : [];
}

describe("bridge", () => {
  test("ADD joins two containers, which reach each other and their gateway; DEL takes everything back", async () => {
    using box = new Sandbox();
    const [node, a, b] = [box.netns("node"), box.netns("a"), box.netns("b")];
    using host = testHost(box, node);
    const conf = config(box, { isDefaultGateway: true });
    const first = await mustCall(bridge, "ADD", host, { config: conf, containerId: "a", netns: a.path });
    await mustCall(bridge, "ADD", host, { config: conf, containerId: "b", netns: b.path });
    const result = first.json as {
      readonly interfaces: readonly Record<string, string>[];
      readonly ips: readonly unknown[];
    };
    expect(result.interfaces.map(({ name }) => name)).toEqual([
      "br0",
      expect.stringMatching(/^veth[0-9a-f]{8}$/),
      "eth0",
    ]);
    expect(result.ips).toEqual([{ address: "10.88.0.2/24", gateway: "10.88.0.1", interface: 2 }]);
    for (const target of ["10.88.0.1", "10.88.0.3"]) box.sh(a, ["ping", "-c1", "-W10", target]);
    const inside = links(box, a).find(({ ifname }) => ifname === "eth0");
    expect(inside?.address).toBe(result.interfaces[2]?.["mac"] ?? "");
    expect(box.sh(a, ["ip", "route"])).toContain("default via 10.88.0.1 dev eth0");
    await mustCall(bridge, "CHECK", host, {
      config: { ...conf, prevResult: first.json },
      containerId: "a",
      netns: a.path,
    });
    for (const [id, ns] of [
      ["a", a],
      ["b", b],
    ] as const) {
      await mustCall(bridge, "DEL", host, { config: conf, containerId: id, netns: ns.path });
    }
    expect(veths(box, node)).toEqual([]);
    expect(reservations(conf.ipam.dataDir)).toEqual([]);
    expect(host.ledger.list("net1", "bridge")).toEqual([]);
  });

  test("ADD with a dns that is none is refused, and leaves nothing but the bridge", async () => {
    using box = new Sandbox();
    const [node, a] = [box.netns("node"), box.netns("a")];
    using host = testHost(box, node);
    const conf = config(box, { dns: { nameservers: "x" } });
    const answer = await callPlugin(bridge, "ADD", host, { config: conf, containerId: "a", netns: a.path });
    expect(answer.json).toMatchObject({ code: 7, msg: expect.stringContaining("dns") });
    expect([veths(box, node), reservations(conf.ipam.dataDir), host.ledger.list("net1", "bridge")]).toEqual([
      [],
      [],
      [],
    ]);
  });

  test("the bridge keeps its hardware address when containers join", async () => {
    using box = new Sandbox();
    const [node, a] = [box.netns("node"), box.netns("a")];
    using host = testHost(box, node);
    const conf = config(box, { isGateway: true });
    const { json } = await mustCall(bridge, "ADD", host, { config: conf, netns: a.path });
    const { interfaces } = json as { readonly interfaces: readonly Record<string, string>[] };
    const device = links(box, node).find(({ ifname }) => ifname === "br0");
    expect(device?.address).toBe(interfaces[0]?.["mac"] ?? "");
    expect(device?.address).not.toBe(interfaces[1]?.["mac"] ?? "");
  });

  test("a bridge that another ADD has just made, and not set up yet, is set up all the same", async () => {
    using box = new Sandbox();
    const [node, a] = [box.netns("node"), box.netns("a")];
    using host = testHost(box, node);
    box.sh(node, "ip link add br0 type bridge".split(" "));
    await mustCall(bridge, "ADD", host, { config: config(box), containerId: "a", netns: a.path });
    const settings = ["accept_ra", "accept_dad"].map((name) => `net.ipv6.conf.br0.${name}`);
    expect(box.sh(node, ["sysctl", "-n", ...settings])).toBe("0\n0\n");
  });

  test("dual stack: both families work at once, no address is tentative", async () => {
    using box = new Sandbox();
    const [node, a] = [box.netns("node"), box.netns("a")];
    using host = testHost(box, node);
    const conf = config(box, { isDefaultGateway: true }, ["10.88.0.0/24", "fd88::/64"]);
    await mustCall(bridge, "ADD", host, { config: conf, netns: a.path });
    const tentative = box.sh(a, ["ip", "-6", "addr", "show", "dev", "eth0", "scope", "global", "tentative"]);
    expect(tentative.trim()).toBe("");
    box.sh(a, ["ping", "-c1", "-W10", "10.88.0.1"]);
    box.sh(a, ["ping", "-6", "-c1", "-W10", "fd88::1"]);
  });

  const delCases: readonly {
    readonly when: string;
    readonly netns: (path: string) => string;
    readonly gone?: boolean;
  }[] = [
    { when: "CNI_NETNS is empty", netns: () => "" },
    { when: "the namespace's path is gone", netns: (path) => `${path}-gone` },
    { when: "the interface is gone", netns: (path) => path, gone: true },
  ];
  for (const { when, netns, gone = false } of delCases) {
    test(`DEL leaves nothing behind when ${when}, also the second time`, async () => {
      using box = new Sandbox();
      const [node, a] = [box.netns("node"), box.netns("a")];
      using host = testHost(box, node);
      const conf = config(box, { isGateway: true, ipMasq: true, macspoofchk: true });
      await mustCall(bridge, "ADD", host, { config: conf, netns: a.path });
      if (gone) box.sh(a, ["ip", "link", "del", "eth0"]);
      for (let i = 0; i < 2; i++) await mustCall(bridge, "DEL", host, { config: conf, netns: netns(a.path) });
      expect(veths(box, node)).toEqual([]);
      expect(reservations(conf.ipam.dataDir)).toEqual([]);
      expect(host.ledger.list("net1", "bridge")).toEqual([]);
      const rules = box.sh(node, ["nft", "list", "ruleset"]);
      expect(rules).not.toContain("10.88.0.2");
      expect(rules).not.toContain("veth");
    });
  }

  test("a failed ADD leaves nothing: neither veth, nor address, nor record", async () => {
    using box = new Sandbox();
    const [node, a] = [box.netns("node"), box.netns("a")];
    using host = testHost(box, node);
    box.sh(node, ["ip", "link", "add", "br0", "type", "bridge"]);
    box.sh(node, ["ip", "addr", "add", "172.16.0.1/16", "dev", "br0"]);
    const conf = config(box, { isGateway: true });
    const answer = await callPlugin(bridge, "ADD", host, { config: conf, netns: a.path });
    expect(answer.exitCode).toBe(1);
    expect(answer.json["msg"]).toContain("already has an IP address different from 10.88.0.1/24");
    expect(veths(box, node)).toEqual([]);
    expect(links(box, a).map(({ ifname }) => ifname)).toEqual(["lo"]);
    expect(reservations(conf.ipam.dataDir)).toEqual([]);
    expect(host.ledger.list("net1", "bridge")).toEqual([]);
  });

  test("ADD onto an interface that exists fails and does it no harm", async () => {
    using box = new Sandbox();
    const [node, a] = [box.netns("node"), box.netns("a")];
    using host = testHost(box, node);
    const conf = config(box, { isGateway: true });
    await mustCall(bridge, "ADD", host, { config: conf, netns: a.path });
    const again = await callPlugin(bridge, "ADD", host, { config: conf, netns: a.path });
    expect(again.json).toMatchObject({ code: 4 });
    box.sh(a, ["ping", "-c1", "-W10", "10.88.0.1"]);
    expect(reservations(conf.ipam.dataDir)).toEqual(["10.88.0.2"]);
  });

  test("GC removes attachments that are not listed and keeps the others", async () => {
    using box = new Sandbox();
    const [node, a, b] = [box.netns("node"), box.netns("a"), box.netns("b")];
    using host = testHost(box, node);
    const conf = { ...config(box, { isGateway: true, macspoofchk: true }), cniVersion: "1.1.0" };
    // Debian's host-local does not know 1.1.0: layer 2 will do.
    const layer2 = { cniVersion: "1.1.0", name: conf.name, type: "bridge", bridge: "br0", macspoofchk: true };
    await mustCall(bridge, "ADD", host, { config: layer2, containerId: "a", netns: a.path });
    await mustCall(bridge, "ADD", host, { config: layer2, containerId: "b", netns: b.path });
    const valid = { "cni.dev/valid-attachments": [{ containerID: "b", ifname: "eth0" }] };
    await mustCall(bridge, "GC", host, { config: { ...layer2, ...valid } });
    expect(host.ledger.list("net1", "bridge").map(({ containerId }) => containerId)).toEqual(["b"]);
    expect(links(box, a).map(({ ifname }) => ifname)).toEqual(["lo"]);
    expect(links(box, b).map(({ ifname }) => ifname)).toContain("eth0");
  });

  test("CHECK of a layer 2 attachment succeeds, and fails once the port has left the bridge", async () => {
    using box = new Sandbox();
    const [node, a] = [box.netns("node"), box.netns("a")];
    using host = testHost(box, node);
    const conf = { cniVersion: "1.0.0", name: "net1", type: "bridge", bridge: "br0", hairpinMode: true };
    const { json } = await mustCall(bridge, "ADD", host, { config: conf, netns: a.path });
    const checked = { config: { ...conf, prevResult: json }, netns: a.path };
    await mustCall(bridge, "CHECK", host, checked);
    const [port] = veths(box, node);
    box.sh(node, ["ip", "link", "set", port ?? "", "type", "bridge_slave", "hairpin", "off"]);
    expect((await callPlugin(bridge, "CHECK", host, checked)).json["msg"]).toContain("hairpin");
    box.sh(node, ["ip", "link", "set", port ?? "", "nomaster"]);
    expect((await callPlugin(bridge, "CHECK", host, checked)).json["msg"]).toContain("not a port of bridge br0");
  });
});
