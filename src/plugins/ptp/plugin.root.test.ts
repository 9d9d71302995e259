// The ptp plugin in real namespaces, seen by ip(8), ping and what listens outside.
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { JsonObject } from "#cni/json.ts";
import type { Call } from "#cni/plugin.ts";
import { runDelegated } from "#cni/serve-plugin.ts";
import type { OpenHost } from "#plugins/host.ts";
import { staticIpam } from "#plugins/static/plugin.ts";
import { type Attached, withAttached } from "#test/attached.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testDelMatrix } from "#test/del-matrix.ts";
import { testHost } from "#test/host.ts";
import { HostLocal } from "#test/ipam.ts";
import { testIpamForwarding } from "#test/ipam-forwarding.ts";
import { linkNames, seeAddresses, seeDefaultRoutes, seeLink } from "#test/link-witness.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { skipDuplicateChecks, waitUntilSettled } from "#test/settled.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { ask, join as joinByCable, startEcho } from "#test/traffic.ts";
import { until } from "#test/until.ts";
import { ptp } from "./plugin.ts";

const setUp = (): JsonObject => ({});

/** Runs `use` with attachments of that configuration and Debian's host-local, which gives both families. */
function attached(
  conf: JsonObject,
  use: (at: Attached & { readonly ipam: HostLocal }) => Promise<void>,
): Promise<void> {
  let ipam: HostLocal | undefined;
  const prepare = (box: Sandbox) => {
    ipam = new HostLocal(box);
    return { ...ipam.conf, ...conf };
  };
  return withAttached({ plugin: ptp, setUp: prepare }, async (at) => {
    if (ipam !== undefined) await use({ ...at, ipam });
  });
}

function routes(box: Sandbox, ns: Netns, ...filter: readonly string[]): readonly string[] {
  // Where a family has no such table, ip fails.
  const lines = ["-4", "-6"].flatMap((family) =>
    box.run(ns, ["ip", family, "route", "show", ...filter]).stdout.split("\n"),
  );
  return lines.map((line) => line.trim().replace(/ +/g, " ")).filter((line) => line !== "" && !line.includes("fe80"));
}

testDelMatrix({ plugin: ptp, setUp });
testIpamForwarding({ plugin: ptp, setUp });

describe("ptp", () => {
  test("ADD routes a container of both families to the node and to its neighbour, CHECK agrees, DEL leaves nothing", async () => {
    await attached({}, async ({ box, node, container, attach, ipam }) => {
      const neighbour = box.netns("neighbour");
      const [one, two] = [attach(), attach({ containerId: "c2", netns: neighbour.path })];
      const result = await one.add();
      await two.add();
      const [near, far] = result.interfaces ?? [];
      expect(near).toEqual({ name: expect.stringMatching(/^veth[0-9a-f]{8}$/), mac: expect.any(String) } as never);
      expect(far).toMatchObject({ name: "eth0", sandbox: container.path });
      expect(seeLink(box, node, near?.name ?? "")?.address).toBe(near?.mac ?? "");
      expect(seeLink(box, container, "eth0")?.address).toBe(far?.mac ?? "");
      expect(result.ips).toEqual([
        { address: "10.7.0.2/24", gateway: "10.7.0.1", interface: 1 },
        { address: "fd07::2/64", gateway: "fd07::1", interface: 1 },
      ]);
      expect(seeAddresses(box, container, "eth0")).toEqual(["10.7.0.2/24", "fd07::2/64"]);
      expect(seeAddresses(box, node, near?.name ?? "")).toEqual(["10.7.0.1/32", "fd07::1/128"]);
      expect(seeDefaultRoutes(box, container)).toEqual(["10.7.0.1 dev eth0", "fd07::1 dev eth0"]);
      expect(routes(box, container, "10.7.0.0/24")).toContain("10.7.0.0/24 via 10.7.0.1 dev eth0 src 10.7.0.2");
      expect(routes(box, node, "10.7.0.2")).toEqual([`10.7.0.2 dev ${near?.name} scope link`]);
      for (const target of ["10.7.0.1", "10.7.0.3", "fd07::1", "fd07::3"]) {
        box.sh(container, ["ping", "-c1", "-W10", target]);
      }
      await one.check();
      await one.del();
      await two.del();
      expect([linkNames(box, container), linkNames(box, node), ipam.held()]).toEqual([[], [], []]);
    });
  });

  test("both ends have the MTU of the configuration, and routes what they were given", async () => {
    using box = new Sandbox();
    const [node, container] = [box.netns("node"), box.netns("container")];
    const path = box.dir();
    mkdirSync(path, { recursive: true });
    writeFileSync(join(path, "static"), "");
    const inProcess = () => (call: Call) => runDelegated(staticIpam, call, host);
    using host: OpenHost = testHost(box, node, { inProcess });
    const ipam = {
      type: "static",
      addresses: [{ address: "10.7.0.2/24", gateway: "10.7.0.1" }, { address: "fd07::2/64" }],
      routes: [
        { dst: "0.0.0.0/0", mtu: 1300, advmss: 1200, priority: 50 },
        { dst: "10.9.0.0/16", gw: "10.7.0.9", table: 77 },
        { dst: "10.8.0.0/16", scope: 253 },
        { dst: "::/0", priority: 60 },
      ],
    };
    const attachment = new TestAttachment({
      plugin: ptp,
      host,
      conf: { mtu: 1400, ipam },
      netns: container.path,
      path,
    });
    const result = await attachment.add();
    expect(result.routes).toEqual(ipam.routes);
    for (const [ns, name] of [
      [node, result.interfaces?.[0]?.name ?? ""],
      [container, "eth0"],
    ] as const) {
      expect(seeLink(box, ns, name)?.mtu).toBe(1400);
    }
    expect(routes(box, container, "default")).toEqual([
      "default via 10.7.0.1 dev eth0 metric 50 mtu 1300 advmss 1200",
      "default via fd07::1 dev eth0 metric 60 pref medium",
    ]);
    expect(routes(box, container, "table", "77")).toEqual(["10.9.0.0/16 via 10.7.0.9 dev eth0 onlink"]);
    expect(routes(box, container, "10.8.0.0/16")).toEqual(["10.8.0.0/16 dev eth0 scope link"]);
    await attachment.check();
    box.sh(container, ["ip", "route", "change", "default", "via", "10.7.0.1", "metric", "50", "mtu", "1280"]);
    expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("there is no route");
  });

  test("an address that is alone in its block goes by a link-local gateway", async () => {
    const ipam = { type: "static", addresses: [{ address: "fd07::2/128" }], routes: [{ dst: "::/0" }] };
    await withAttached(
      { plugin: ptp, setUp: () => ({ cniVersion: "1.0.0", ipam }) },
      async ({ box, node, container, attach }) => {
        const attachment = attach();
        const result = await attachment.add();
        expect(result.ips).toEqual([{ address: "fd07::2/128", gateway: "fe80::1", interface: 1 }]);
        expect(seeDefaultRoutes(box, container)).toEqual(["fe80::1 dev eth0"]);
        box.sh(node, ["ip", "link", "add", "lo1", "type", "veth"]);
        box.sh(node, ["ip", "address", "add", "fd08::1/128", "dev", "lo1", "nodad"]);
        box.sh(node, ["ip", "link", "set", "lo1", "up"]);
        waitUntilSettled(box, node);
        box.sh(container, ["ping", "-c1", "-W10", "fd08::1"]);
        await attachment.check();
      },
    );
  });

  test("ipMasq: a machine outside sees the node, until DEL", async () => {
    await attached({ ipMasq: true }, async ({ box, node, container, attach }) => {
      const outside = box.netns("outside");
      // A router asks for neighbours by its link-local address, which it would first watch for duplicates.
      skipDuplicateChecks(box, node, outside);
      joinByCable(box, [node, "vout", "192.0.2.1/24", "fd02::1/64"], [outside, "eth0", "192.0.2.2/24", "fd02::2/64"]);
      await startEcho(box, outside, { port: 80, name: "web" });
      // The kernel takes up to a second to notice a cable's other end.
      for (const [ns, name] of [
        [node, "vout"],
        [outside, "eth0"],
      ] as const) {
        await until(() => box.sh(ns, ["ip", "link", "show", name]).includes("state UP"));
      }
      const attachment = attach();
      await attachment.add();
      expect(ask(box, container, "192.0.2.2", 80)).toBe("web 192.0.2.1");
      expect(ask(box, container, "fd02::2", 80)).toBe("web fd02::1");
      await attachment.check();
      await attachment.del({ netns: "" });
      expect(box.sh(node, ["nft", "list", "ruleset"])).not.toMatch(/elements|from_/);
    });
  });

  const dnsRows: readonly (readonly [what: string, conf: JsonObject, dns: JsonObject | undefined])[] = [
    ["the IPAM plugin's when it has none", {}, { nameservers: ["192.0.2.53"] }],
    ["the IPAM plugin's when it is empty", { dns: {} }, { nameservers: ["192.0.2.53"] }],
    [
      "its own",
      { dns: { nameservers: ["192.0.2.54"], search: ["a.test"] } },
      { nameservers: ["192.0.2.54"], search: ["a.test"] },
    ],
    ["its own, even an empty list", { dns: { nameservers: [] } }, undefined],
  ];
  for (const [what, conf, dns] of dnsRows) {
    test(`the configuration's DNS is ${what}`, async () => {
      const addresses = [{ address: "10.7.0.2/24" }];
      const ipam = { type: "static", addresses, dns: { nameservers: ["192.0.2.53"] } };
      const prepare = () => ({ cniVersion: "1.0.0", ipam, ...conf });
      await withAttached({ plugin: ptp, setUp: prepare }, async ({ attach }) => {
        expect((await attach().add()).dns).toEqual(dns as never);
      });
    });
  }

  const wrongs: readonly (readonly [what: string, conf: JsonObject, code: number, text: string])[] = [
    ["without IPAM", { ipam: {} }, 7, '"ipam.type" is missing'],
    ["with a negative MTU", { mtu: -1 }, 7, "mtu"],
    ["with the iptables backend", { ipMasq: true, ipMasqBackend: "iptables" }, 2, "ipMasqBackend"],
    ["with DNS that is none", { dns: { nameservers: "x" } }, 7, "dns"],
  ];
  for (const [what, conf, code, text] of wrongs) {
    test(`ADD ${what} is refused, and nothing is left`, async () => {
      await attached(conf, async ({ box, node, container, attach, ipam }) => {
        const error = await cniErrorOfAsync(() => attach().add());
        expect(error).toMatchObject({ code, message: expect.stringContaining(text) });
        expect([linkNames(box, container), linkNames(box, node), ipam.held()]).toEqual([[], [], []]);
      });
    });
  }

  test("an ADD that fails at its routes leaves nothing behind", async () => {
    const ipam = {
      type: "static",
      addresses: [{ address: "10.7.0.2/24" }],
      routes: [{ dst: "10.9.0.0/16", gw: "192.0.2.9" }],
    };
    const prepare = () => ({ cniVersion: "1.0.0", ipMasq: true, ipam });
    await withAttached({ plugin: ptp, setUp: prepare }, async ({ box, node, container, attach }) => {
      const error = await cniErrorOfAsync(() => attach().add());
      expect(error.message).toContain("Cannot append route 10.9.0.0/16 via 192.0.2.9");
      expect([linkNames(box, container), linkNames(box, node)]).toEqual([[], []]);
      expect(box.sh(node, ["nft", "list", "ruleset"])).not.toMatch(/elements|from_/);
    });
  });

  test("ADD into a taken name, or no namespace, is refused before any address is taken", async () => {
    await attached({}, async ({ box, container, attach, ipam }) => {
      expect((await cniErrorOfAsync(() => attach({ netns: "/run/netns/never-was" }).add())).code).toBe(8);
      box.sh(container, ["ip", "link", "add", "eth0", "type", "veth", "peer", "name", "far"]);
      expect(await cniErrorOfAsync(() => attach().add())).toMatchObject({
        code: 4,
        message: expect.stringContaining('"eth0"'),
      });
      expect(ipam.held()).toEqual([]);
      expect(linkNames(box, container)).toEqual(["eth0", "far"]);
    });
  });

  const damages: readonly (readonly [
    what: string,
    damage: readonly string[],
    where: "node" | "container",
    says: string,
  ])[] = [
    ["the container's link is down", ["ip", "link", "set", "eth0", "down"], "container", "eth0 is down"],
    ["the node's end is down", ["ip", "link", "set", "HOST", "down"], "node", "HOST, is down"],
    [
      "an address is gone",
      ["ip", "address", "del", "10.7.0.2/24", "dev", "eth0"],
      "container",
      "no address 10.7.0.2/24",
    ],
    [
      "the default route is gone",
      ["ip", "-6", "route", "del", "default"],
      "container",
      "there is no route default via fd07::1",
    ],
    [
      "the gateway's address is gone",
      ["ip", "address", "del", "fd07::1/128", "dev", "HOST"],
      "node",
      "has no address fd07::1/128",
    ],
    ["the node's route is gone", ["ip", "-6", "route", "del", "fd07::2"], "node", "no route to fd07::2/128"],
    ["masquerading is gone", ["nft", "delete", "table", "inet", "twill_masquerade"], "node", "twill_masquerade"],
    [
      "another hardware address",
      ["ip", "link", "set", "eth0", "address", "02:00:00:00:00:99"],
      "container",
      "02:00:00:00:00:99",
    ],
  ];
  for (const [what, damage, where, says] of damages) {
    test(`CHECK fails when ${what}`, async () => {
      await attached({ ipMasq: true }, async ({ box, node, container, attach }) => {
        const attachment = attach();
        const result = await attachment.add();
        await attachment.check();
        const near = result.interfaces?.[0]?.name ?? "";
        box.sh(
          where === "node" ? node : container,
          damage.map((word) => word.replace("HOST", near)),
        );
        const error = await cniErrorOfAsync(() => attachment.check());
        expect(error).toMatchObject({ code: 999, message: expect.stringContaining(says.replace("HOST", near)) });
      });
    });
  }

  test("GC removes what no living container has, and keeps the rest", async () => {
    await attached({ ipMasq: true, cniVersion: "1.1.0" }, async ({ box, node, container, attach }) => {
      const conf = { ipam: { type: "static", addresses: [{ address: "10.7.0.2/24" }] }, ipMasq: true };
      const other = box.netns("other");
      const path = box.dir();
      mkdirSync(path, { recursive: true });
      writeFileSync(join(path, "static"), "");
      const inProcess = () => (call: Call) => runDelegated(staticIpam, call, host);
      using host: OpenHost = testHost(box, node, { inProcess });
      const more = { host, conf, path };
      const [kept, stale] = [attach(more), attach({ ...more, containerId: "c2", netns: other.path })];
      const near = (await kept.add()).interfaces?.[0]?.name ?? "";
      await stale.add({ conf: { ipam: { type: "static", addresses: [{ address: "10.7.0.3/24" }] } } });
      const records = () => readdirSync(`${host.runDir}/cni/net`).filter((name) => name.endsWith(":ptp"));
      await kept.gc(undefined);
      expect(records()).toHaveLength(2);
      await kept.gc([{ containerID: "c1", ifname: "eth0" }]);
      expect(records()).toEqual(["c1:eth0:ptp"]);
      expect(linkNames(box, node)).toEqual([near]);
      expect([linkNames(box, container), linkNames(box, other)]).toEqual([["eth0"], []]);
      const rules = box.sh(node, ["nft", "list", "ruleset"]);
      expect([rules.includes("10.7.0.2 "), rules.includes("10.7.0.3 ")]).toEqual([true, false]);
      await kept.check();
    });
  });
});
