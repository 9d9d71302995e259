// What no plugin can work with, the same for all: namespaces that are none, and a folder for records that takes none.

import { describe, expect, test } from "bun:test";
import { statSync, writeFileSync } from "node:fs";
import type { JsonObject } from "#cni/json.ts";
import { type ResultJson, TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { loadPlugin, type PluginName } from "./registry.ts";

/** What each plugin needs in its configuration to come as far as the container. */
const confs: { readonly [Name in PluginName]?: JsonObject } = {
  bridge: { bridge: "br0" },
  ptp: { ipam: { type: "static", addresses: [{ address: "10.5.0.9/24" }] } },
  macvlan: { master: "br0" },
  ipvlan: { master: "br0", ipam: { type: "static", addresses: [{ address: "10.5.0.9/24" }] } },
  vlan: { master: "br0", vlanId: 5 },
  dummy: { ipam: { type: "static", addresses: [{ address: "10.5.0.9/24" }] } },
  "host-device": { device: "dev0" },
  loopback: {},
  tap: {},
  tuning: { mtu: 1400 },
  sbr: {},
  vrf: { vrfname: "blue" },
  portmap: { runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] } },
  firewall: {},
  bandwidth: { ingressRate: 1_000_000, ingressBurst: 1_000_000, egressRate: 1_000_000, egressBurst: 1_000_000 },
};

const chained: ReadonlySet<PluginName> = new Set(["tuning", "sbr", "vrf", "portmap", "firewall", "bandwidth"]);

function confOf(name: PluginName, prevResult: ResultJson): JsonObject {
  const base = { cniVersion: "1.0.0", ...confs[name] };
  return chained.has(name) ? { ...base, prevResult: prevResult as unknown as JsonObject } : base;
}

describe("a CNI_NETNS that", () => {
  const prevResult = (sandbox: string): ResultJson => ({
    cniVersion: "1.0.0",
    interfaces: [{ name: "br0" }, { name: "veth0" }, { name: "eth0", sandbox }],
    ips: [{ address: "10.5.0.2/24", interface: 2 }],
  });
  const paths = [
    ["is not there", "/run/netns/never-was"],
    ["is a file", "/etc/hostname"],
    ["is a folder", "/etc"],
    ["is a namespace of another kind", "/proc/self/ns/mnt"],
  ] as const;
  // These do their work on the node, by addresses and names of the result.
  const without: ReadonlySet<string> = new Set(["portmap", "firewall", "bandwidth"]);
  const names = (Object.keys(confs) as readonly PluginName[]).filter((name) => !without.has(name));
  for (const [what, netns] of paths) {
    test.each([...names])(`${what} is error 8 for ADD and CHECK of %s, and none for DEL`, async (name) => {
      using box = new Sandbox();
      using host = testHost(box, box.netns("node"));
      const conf = confOf(name, prevResult(netns));
      const attachment = new TestAttachment({ plugin: await loadPlugin(name), host, conf, netns });
      attachment.result = prevResult(netns);
      for (const run of [() => attachment.add(), () => attachment.check()]) {
        const error = await cniErrorOfAsync(run);
        expect([error.code, error.message]).toEqual([8, expect.stringContaining(`"${netns}"`)]);
      }
      await attachment.del();
    });
  }
});

describe("a folder for records that", () => {
  test("is missing is made, for root alone", async () => {
    using box = new Sandbox();
    const runDir = `${box.dir()}/some/where`;
    const pod = box.netns("pod");
    using host = testHost(box, box.netns("node"), {}, runDir);
    const attachment = new TestAttachment({
      plugin: await loadPlugin("bridge"),
      host,
      conf: { bridge: "br0" },
      netns: pod.path,
    });
    await attachment.del();
    await attachment.add();
    expect(statSync(`${runDir}/cni/net`).mode & 0o777).toBe(0o700);
    await attachment.del();
    expect(host.ledger.list("net", "bridge")).toEqual([]);
  });

  test("is a file is error 5 for ADD, and none for DEL and GC", async () => {
    using box = new Sandbox();
    const runDir = `${box.dir()}/file`;
    writeFileSync(runDir, "");
    const pod = box.netns("pod");
    using host = testHost(box, box.netns("node"), {}, runDir);
    const conf = { bridge: "br0" };
    const attachment = new TestAttachment({ plugin: await loadPlugin("bridge"), host, conf, netns: pod.path });
    const error = await cniErrorOfAsync(() => attachment.add());
    const words = `in ${runDir}/cni: ENOTDIR (a part of the path is a file: that folder must take files)`;
    expect([error.code, error.message]).toEqual([5, expect.stringContaining(words)]);
    await attachment.del();
    await attachment.gc([]);
  });

  const states: readonly (readonly [what: string, mount: string, words: RegExp])[] = [
    ["is full", "size=4096", /ENOSPC \(the disk is full: free some space\)$/],
    ["is read-only", "ro", /EROFS \(the file system is read-only: /],
  ];
  const recording = ["bridge", "ptp", "host-device", "portmap", "firewall", "bandwidth", "sbr", "tuning"] as const;
  for (const [what, mount, words] of states) {
    test.each([...recording])(
      `${what} is error 5 for ADD of %s, which leaves nothing, and none for DEL`,
      async (name) => {
        using box = new Sandbox();
        const [node, pod, next] = [box.netns("node"), box.netns("pod"), box.netns("next")];
        using well = testHost(box, node);
        const ipam = { type: "static", addresses: [{ address: "10.5.0.2/24", gateway: "10.5.0.1" }] };
        const before = new TestAttachment({
          plugin: await loadPlugin("bridge"),
          host: well,
          conf: { cniVersion: "1.0.0", bridge: "br0", isDefaultGateway: true, ipam },
          netns: pod.path,
        });
        const prevResult = await before.add();
        box.sh(node, ["ip", "link", "add", "dev0", "type", "veth", "peer", "name", "far0"]);

        const runDir = box.dir();
        box.sh(node, ["mount", "-t", "tmpfs", "-o", mount, "none", runDir]);
        // The one page is taken.
        if (mount !== "ro") box.sh(node, ["sh", "-c", `echo full > ${runDir}/page`]);
        using host = testHost(box, node, {}, runDir);
        const conf = { ...confOf(name, prevResult), ...(name === "tuning" ? { dataDir: `${runDir}/tuning` } : {}) };
        const netns = chained.has(name) ? pod.path : next.path;
        const attachment = new TestAttachment({ plugin: await loadPlugin(name), host, conf, netns, containerId: "c2" });
        const seen = () => stateOf(box, [node, pod, next]);
        const state = seen();
        const error = await cniErrorOfAsync(() => attachment.add());
        expect([error.code, error.message]).toEqual([5, expect.stringMatching(words)]);
        expect(error.message).toContain(runDir);
        expect(seen()).toEqual(state);
        for (const _ of [1, 2]) await attachment.del();
      },
    );
  }
});

/** Links, addresses, routes, rules, qdiscs and nftables, without what moves on its own. */
function stateOf(box: Sandbox, spaces: readonly Netns[]): readonly string[] {
  const commands = [
    "ip -o link",
    "ip -o address",
    "ip route show table all",
    "ip rule",
    "tc qdisc",
    "nft list ruleset",
  ];
  const texts = spaces.flatMap((ns) => commands.map((command) => box.sh(ns, command.split(" "))));
  // Links that were there before still come up: what the kernel does of itself for them is no trace of the call.
  const own = (line: string) => !/fe80::|ff00::/.test(line);
  return texts.map((text) =>
    text
      .replaceAll(/\b(tentative|UP|LOWER_UP|DOWN)\b|state \w+|<[^>]*>|\d+: /g, "")
      .split("\n")
      .filter(own)
      .join("\n"),
  );
}
