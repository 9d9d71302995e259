// sbr on real interfaces, alone and beside the reference's plugin.
import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { Netns } from "#kernel/netns.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { findLink } from "#netlink/link.ts";
import { checkRoutes } from "#plugins/container.ts";
import { ChainedBox, type ChainedCall } from "#test/chained.ts";
import { Sandbox } from "#test/sandbox.ts";
import { waitUntilSettled } from "#test/settled.ts";
import { cniErrorOf } from "#test/thrown.ts";
import { sbr } from "./plugin.ts";

/** A container with eth0 as its default, and net1 with two addresses, a default route and one more. */
function setUp() {
  const box = new Sandbox();
  const chain = new ChainedBox(box);
  chain.addInterface("host1", "net1", ["10.2.0.2/24", "fd00:2::2/64"]);
  for (const route of [
    "default via 10.1.0.1 dev eth0",
    "default via 10.2.0.1 dev net1 metric 50",
    "10.9.0.0/16 via 10.2.0.7 dev net1",
  ]) {
    chain.ip(`route add ${route}`);
  }
  chain.ip("-6 route add fd00:9::/64 via fd00:2::7 dev net1");
  const prevResult = {
    interfaces: [{ name: "host1" }, { name: "net1", sandbox: chain.container.path }],
    ips: [
      { interface: 1, address: "10.2.0.2/24", gateway: "10.2.0.1" },
      { interface: 1, address: "fd00:2::2/64", gateway: "fd00:2::1" },
    ],
  };
  // A table that does not exist is an error to ip.
  const lines = (command: string) =>
    box
      .run(chain.container, ["ip", ...command.split(" ")])
      .stdout.split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
  return {
    ...{ box, chain, call: { ifname: "net1", prevResult } },
    rules: () =>
      [...lines("rule"), ...lines("-6 rule")]
        .filter((line) => /from (10|fd00)/.test(line))
        .map((line) => line.split("\t")[1]),
    /** What `table` says about net1. */
    routes: (table: string) =>
      [...lines(`route show table ${table} dev net1`), ...lines(`-6 route show table ${table} dev net1`)].filter(
        (line) => !line.startsWith("fe80"),
      ),
    get: (to: string, from: string) => chain.ip(`route get ${to} from ${from}`).split("\n")[0]?.trim(),
    [Symbol.dispose]() {
      chain[Symbol.dispose]();
      box[Symbol.dispose]();
    },
  };
}

/** Rules and all tables, to compare before and after. */
function everything({ box, chain }: ReturnType<typeof setUp>): string {
  waitUntilSettled(box, chain.container);
  return ["rule", "-6 rule", "route show table all", "-6 route show table all"]
    .map((command) => chain.ip(command))
    .join("");
}

describe("ADD", () => {
  test("gives each address a table with the interface's routes, and takes them out of the main table", async () => {
    using t = setUp();
    const result = await t.chain.must(sbr, "ADD", t.call);
    expect(result["ips"]).toHaveLength(2);
    expect(t.rules()).toEqual(["from 10.2.0.2 lookup 100", "from fd00:2::2 lookup 101"]);
    expect(t.routes("100")).toEqual([
      "default via 10.2.0.1",
      "default via 10.2.0.1 metric 50",
      "10.2.0.0/24 proto kernel scope link src 10.2.0.2",
      "10.9.0.0/16 via 10.2.0.7",
    ]);
    expect(t.routes("101")).toEqual([
      "fd00:2::/64 proto kernel metric 256 pref medium",
      "fd00:9::/64 via fd00:2::7 metric 1024 pref medium",
      "default via fd00:2::1 metric 1024 pref medium",
    ]);
    expect(t.routes("main")).toEqual([]);
    expect(t.get("192.0.2.1", "10.2.0.2")).toContain("via 10.2.0.1 dev net1 table 100");
    expect(t.get("192.0.2.1", "10.1.0.2")).toContain("via 10.1.0.1 dev eth0");
    await t.chain.must(sbr, "CHECK", t.call);
    await t.chain.must(sbr, "DEL", t.call);
    expect(t.rules()).toEqual([]);
    for (const table of ["100", "101"]) expect(t.routes(table)).toEqual([]);
    expect(t.chain.host.ledger.list("net", "sbr")).toEqual([]);
  });

  test("can come again after DEL, which puts the routes back (after the reference's it fails)", async () => {
    using t = setUp();
    const before = [t.rules(), t.routes("main").sort()];
    for (let i = 0; i < 2; i++) {
      await t.chain.must(sbr, "ADD", t.call);
      await t.chain.must(sbr, "CHECK", t.call);
      await t.chain.must(sbr, "DEL", t.call);
      expect([t.rules(), t.routes("main").sort()]).toEqual(before);
    }
  });

  test("takes tables that nobody uses", async () => {
    using t = setUp();
    t.chain.ip("rule add from 10.77.0.1 lookup 100");
    t.chain.ip("route add 10.88.0.0/16 dev eth0 table 101");
    await t.chain.must(sbr, "ADD", t.call);
    expect(t.rules()).toEqual(["from 10.2.0.2 lookup 102", "from 10.77.0.1 lookup 100", "from fd00:2::2 lookup 103"]);
    await t.chain.must(sbr, "DEL", t.call);
    expect(t.rules()).toEqual(["from 10.77.0.1 lookup 100"]);
  });

  test("with a table makes rules alone and moves nothing", async () => {
    using t = setUp();
    const before = everything(t);
    const call = { ...t.call, conf: { table: 4000, gateways: ["10.2.0.9"] } };
    await t.chain.must(sbr, "ADD", call);
    expect(t.rules()).toEqual(["from 10.2.0.2 lookup 4000", "from fd00:2::2 lookup 4000"]);
    expect(t.routes("main")).toHaveLength(5);
    await t.chain.must(sbr, "CHECK", call);
    await t.chain.must(sbr, "ADD", call);
    await t.chain.must(sbr, "DEL", call);
    expect(everything(t)).toBe(before);
  });

  test("takes the configured gateways, and with hints leaves the subnets in the main table", async () => {
    using t = setUp();
    const call = { ...t.call, conf: { gateways: ["10.2.0.9", "fd00:2::9"], addSourceHints: true } };
    await t.chain.must(sbr, "ADD", call);
    expect(t.routes("100")).toContain("default via 10.2.0.9");
    expect(t.routes("101")).toContain("default via fd00:2::9 metric 1024 pref medium");
    expect(t.routes("main")).toEqual([
      "10.2.0.0/24 scope link src 10.2.0.2",
      "fd00:2::/64 src fd00:2::2 metric 1024 pref medium",
    ]);
    await t.chain.must(sbr, "CHECK", call);
  });

  test("repeated, comes to the same", async () => {
    using t = setUp();
    await t.chain.must(sbr, "ADD", t.call);
    const before = [t.rules(), t.routes("100"), t.routes("101"), t.routes("main")];
    await t.chain.must(sbr, "ADD", t.call);
    expect([t.rules(), t.routes("100"), t.routes("101"), t.routes("main")]).toEqual(before);
  });

  const failures: readonly (readonly [string, object, string])[] = [
    [
      "a gateway that cannot be reached",
      { conf: { gateways: ["192.0.2.1"] } },
      "Cannot add route default via 192.0.2.1",
    ],
    ["two gateways of a family", { conf: { gateways: ["10.2.0.1", "10.2.0.9"] } }, "takes one of each family at most"],
    ["a gateway that is no address", { conf: { gateways: ["x"] } }, '"gateways[0]"'],
    ["table 0", { conf: { table: 0 } }, '"table"'],
    ["no previous result", { prevResult: false }, "chained plugin"],
    ["no address of the interface", { ifname: "eth0" }, "no address of interface"],
    [
      "version 0.2.0, which names no interfaces",
      { cniVersion: "0.2.0", prevResult: { ip4: { ip: "10.2.0.2/24" } } },
      "needs 0.3.0",
    ],
    [
      "no such interface",
      { prevResult: { interfaces: [{ name: "n", sandbox: "/x" }], ips: [{ address: "10.2.0.2/24" }] }, ifname: "n" },
      "no interface",
    ],
  ];
  for (const [what, change, message] of failures) {
    test(`with ${what} fails and leaves everything as it was`, async () => {
      using t = setUp();
      const before = everything(t);
      expect((await t.chain.refused(sbr, "ADD", { ...t.call, ...change })).msg).toContain(message);
      expect(everything(t)).toBe(before);
      expect(t.chain.host.ledger.list("net", "sbr")).toEqual([]);
    });
  }

  test("run twice at once for one container, takes different tables", async () => {
    using t = setUp();
    t.chain.addInterface("host2", "net2", ["10.3.0.2/24"]);
    const prevResult = {
      interfaces: [{ name: "net2", sandbox: "/x" }],
      ips: [{ interface: 0, address: "10.3.0.2/24" }],
    };
    const second = { ifname: "net2", prevResult };
    await Promise.all([t.chain.must(sbr, "ADD", t.call), t.chain.must(sbr, "ADD", second)]);
    const tables = t.rules().map((rule) => rule?.split("lookup ")[1]);
    expect(new Set(tables).size).toBe(3);
  });
});

describe("CHECK (the reference's does nothing)", () => {
  const drifts: readonly (readonly [string, string, string])[] = [
    ["a missing rule", "rule del from 10.2.0.2", "there is no rule from 10.2.0.2/32"],
    ["a missing default route", "-6 route del default table 101", "has no default route via fd00:2::1"],
    [
      "a default route back in the main table",
      "route add default dev net1 metric 9",
      "the main table has the default route",
    ],
  ];
  for (const [what, command, message] of drifts) {
    test(`notices ${what} and changes nothing`, async () => {
      using t = setUp();
      await t.chain.must(sbr, "ADD", t.call);
      t.chain.ip(command);
      const before = everything(t);
      expect((await t.chain.refused(sbr, "CHECK", t.call)).msg).toContain(message);
      expect(everything(t)).toBe(before);
    });
  }
});

test("the CHECK of the plugin that made the routes finds them in their new table", async () => {
  using t = setUp();
  await t.chain.must(sbr, "ADD", t.call);
  using netns = new Netns(t.chain.container.path);
  using container = t.chain.host.routeIn(netns);
  const link = findLink(container, "net1");
  const routes = [
    { dst: cidr("0.0.0.0/0"), gw: ip("10.2.0.1") },
    { dst: cidr("fd00:9::/64"), gw: ip("fd00:2::7") },
  ];
  if (link === undefined) throw new Error("There is no net1");
  checkRoutes(container, link, { ips: [], routes });
  const missing = [{ dst: cidr("10.9.0.0/16"), gw: ip("10.2.0.8") }];
  expect(cniErrorOf(() => checkRoutes(container, link, { ips: [], routes: missing })).message).toContain("10.9.0.0/16");
});

describe("DEL", () => {
  const rows: readonly (readonly [string, (t: ReturnType<typeof setUp>) => object])[] = [
    ["CNI_NETNS is empty (the reference fails)", () => ({ netns: "" })],
    ["the namespace is gone (the reference fails)", ({ box }) => ({ netns: `${box.dir()}/gone` })],
    ["the path is no namespace", () => ({ netns: "/etc/hostname" })],
    ["the interface is gone", (t) => (t.chain.ip("link del net1") === "" ? {} : {})],
    ["there is no previous result", () => ({ prevResult: false })],
    ["the configuration became invalid", () => ({ conf: { gateways: 1 } })],
    ["a rule is gone", (t) => (t.chain.ip("rule del table 100") === "" ? {} : {})],
  ];
  for (const [what, change] of rows) {
    test(`succeeds twice when ${what}, and makes no file at the namespace's path`, async () => {
      using t = setUp();
      await t.chain.must(sbr, "ADD", t.call);
      const changed: ChainedCall = { ...t.call, ...change(t) };
      for (let i = 0; i < 2; i++) await t.chain.must(sbr, "DEL", changed);
      if (changed.netns === undefined) expect(t.rules()).toEqual([]);
      if (changed.netns?.endsWith("/gone")) expect(existsSync(changed.netns)).toBe(false);
      expect(t.chain.host.ledger.list("net", "sbr")).toEqual([]);
    });
  }
});

test("GC forgets the attachments that are gone, and without a list nothing", async () => {
  using t = setUp();
  await t.chain.must(sbr, "ADD", t.call);
  await t.chain.must(sbr, "GC");
  expect(t.chain.host.ledger.list("net", "sbr")).toHaveLength(1);
  await t.chain.must(sbr, "GC", { conf: { "cni.dev/valid-attachments": [] } });
  expect(t.chain.host.ledger.list("net", "sbr")).toEqual([]);
});

test("STATUS succeeds, and says what is wrong with the configuration", async () => {
  using t = setUp();
  await t.chain.must(sbr, "STATUS");
  expect((await t.chain.refused(sbr, "STATUS", { conf: { table: "x" } })).msg).toContain('"table"');
});

describe("beside the reference", () => {
  test("makes the same rules, and routes of the address's family", async () => {
    using ours = setUp();
    using theirs = setUp();
    await ours.chain.must(sbr, "ADD", ours.call);
    theirs.chain.reference("sbr", "ADD", theirs.call);
    expect(ours.rules()).toEqual(theirs.rules());
    expect(ours.routes("100")).toEqual(theirs.routes("100").filter((route) => !route.startsWith("fd00")));
    expect(ours.routes("101").sort()).toEqual(
      theirs
        .routes("101")
        .filter((route) => /fd00/.test(route))
        .sort(),
    );
    expect(ours.routes("main")).toEqual(theirs.routes("main"));
  });

  test("DEL removes its rules, and CHECK accepts them", async () => {
    using t = setUp();
    t.chain.reference("sbr", "ADD", t.call);
    await t.chain.must(sbr, "CHECK", t.call);
    await t.chain.must(sbr, "DEL", t.call);
    expect(t.rules()).toEqual([]);
  });

  test("its DEL removes our rules", async () => {
    using t = setUp();
    await t.chain.must(sbr, "ADD", t.call);
    t.chain.reference("sbr", "DEL", t.call);
    expect(t.rules()).toEqual([]);
  });
});
