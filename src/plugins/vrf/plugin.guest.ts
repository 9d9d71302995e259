// vrf on real VRFs, alone and beside the reference's plugin.
import { describe, expect, test } from "bun:test";
import { ChainedBox, type ChainedCall } from "#test/chained.ts";
import { Sandbox } from "#test/sandbox.ts";
import { vrf } from "./plugin.ts";

const blue = { conf: { vrfname: "blue" } };

function setUp() {
  const box = new Sandbox();
  const chain = new ChainedBox(box);
  const lines = (command: string) =>
    box
      .run(chain.container, ["ip", ...command.split(" ")])
      .stdout.split("\n")
      .map((line) => line.trim())
      .filter((line) => line !== "");
  return {
    ...{ box, chain },
    /** Name and table of each VRF. */
    vrfs: () =>
      Object.fromEntries(
        JSON.parse(chain.ip("-j -d link show type vrf") || "[]")
          .filter(({ ifname }: { ifname?: string }) => ifname !== undefined)
          .map((link: { ifname: string; linkinfo: { info_data: { table: number } } }) => [
            link.ifname,
            link.linkinfo.info_data.table,
          ]),
      ),
    master: (ifname: string) => JSON.parse(chain.ip(`-j link show dev ${ifname}`))[0].master,
    addresses: (ifname: string) =>
      lines(`-br addr show dev ${ifname} scope global`).map((line) => line.split(/\s+/).slice(2).join(" ")),
    routes: (table: string | number) =>
      [...lines(`-4 route show table ${table}`), ...lines(`-6 route show table ${table}`)].filter(
        (line) => !/^(local|broadcast|anycast|multicast|fe80)/.test(line),
      ),
    [Symbol.dispose]() {
      chain[Symbol.dispose]();
      box[Symbol.dispose]();
    },
  };
}

function second(t: ReturnType<typeof setUp>, addresses = ["10.2.0.2/24", "fd00:2::2/64"]): ChainedCall {
  t.chain.addInterface("host1", "net1", addresses);
  const ips = addresses.map((address) => ({ interface: 0, address }));
  return { ifname: "net1", prevResult: { interfaces: [{ name: "net1", sandbox: "/x" }], ips } };
}

describe("ADD", () => {
  test("makes the VRF, moves interface, addresses and routes into it, and DEL takes it away", async () => {
    using t = setUp();
    t.chain.ip("route add default via 10.1.0.1");
    t.chain.ip("route add 10.9.0.0/16 via 10.1.0.7 metric 50 mtu 1300");
    t.chain.ip("-6 route add default via fd00:1::1");
    const addresses = t.addresses("eth0");
    const prevResult = { ...t.chain.prevResult, routes: [{ dst: "0.0.0.0/0", gw: "10.1.0.1" }, { dst: "::/0" }] };
    const call = { ...blue, prevResult };
    const result = await t.chain.must(vrf, "ADD", call);
    expect(result["interfaces"]).toHaveLength(2);
    expect(t.vrfs()).toEqual({ blue: 1 });
    expect(t.master("eth0")).toBe("blue");
    expect(t.addresses("eth0")).toEqual(addresses);
    expect(t.routes(1)).toEqual([
      "default via 10.1.0.1 dev eth0",
      "10.1.0.0/24 dev eth0 proto kernel scope link src 10.1.0.2",
      "10.9.0.0/16 via 10.1.0.7 dev eth0 metric 50 mtu 1300",
      "fd00:1::/64 dev eth0 proto kernel metric 256 pref medium",
      "default via fd00:1::1 dev eth0 metric 1024 pref medium",
    ]);
    expect(t.routes("main")).toEqual([]);
    await t.chain.must(vrf, "CHECK", call);
    for (let i = 0; i < 2; i++) await t.chain.must(vrf, "DEL", call);
    expect(t.vrfs()).toEqual({});
    expect(t.master("eth0")).toBeUndefined();
  });

  test("keeps routes without a gateway, and subnets that somebody replaced (the reference loses them)", async () => {
    using t = setUp();
    t.chain.ip("route del 10.1.0.0/24 dev eth0");
    t.chain.ip("route add 10.1.0.1 dev eth0 scope link src 10.1.0.2");
    t.chain.ip("route add 10.1.0.0/24 via 10.1.0.1 src 10.1.0.2");
    await t.chain.must(vrf, "ADD", blue);
    expect(t.routes(1).filter((route) => route.startsWith("10."))).toEqual([
      "10.1.0.0/24 via 10.1.0.1 dev eth0 src 10.1.0.2",
      "10.1.0.1 dev eth0 scope link src 10.1.0.2",
    ]);
  });

  test("puts a second interface into the VRF, which goes with the last one only", async () => {
    using t = setUp();
    const other = second(t);
    await t.chain.must(vrf, "ADD", blue);
    await t.chain.must(vrf, "ADD", { ...other, ...blue });
    expect(t.vrfs()).toEqual({ blue: 1 });
    await t.chain.must(vrf, "DEL", blue);
    expect(t.vrfs()).toEqual({ blue: 1 });
    await t.chain.must(vrf, "CHECK", { ...other, ...blue });
    await t.chain.must(vrf, "DEL", { ...other, ...blue });
    expect(t.vrfs()).toEqual({});
  });

  test("keeps interfaces with the same addresses apart in two VRFs", async () => {
    using t = setUp();
    const other = second(t, ["10.1.0.2/24", "fd00:1::2/64"]);
    await t.chain.must(vrf, "ADD", blue);
    await t.chain.must(vrf, "ADD", { ...other, conf: { vrfname: "red" } });
    expect(t.vrfs()).toEqual({ blue: 1, red: 2 });
    expect(t.addresses("net1")).toEqual(t.addresses("eth0"));
    await t.chain.must(vrf, "CHECK", blue);
    await t.chain.must(vrf, "CHECK", { ...other, conf: { vrfname: "red" } });
  });

  test("takes the configured table, and otherwise the first that no VRF, route or rule uses", async () => {
    using t = setUp();
    const other = second(t);
    t.chain.ip("link add green type vrf table 1");
    t.chain.ip("rule add from 10.77.0.1 lookup 2");
    t.chain.ip("route add 10.88.0.0/16 dev eth0 table 3");
    await t.chain.must(vrf, "ADD", blue);
    await t.chain.must(vrf, "ADD", { ...other, conf: { vrfname: "red", table: 1001 } });
    expect(t.vrfs()).toEqual({ green: 1, blue: 4, red: 1001 });
  });

  test("repeated, changes nothing", async () => {
    using t = setUp();
    await t.chain.must(vrf, "ADD", blue);
    const before = [t.routes(1), t.addresses("eth0")];
    await t.chain.must(vrf, "ADD", blue);
    expect([t.routes(1), t.addresses("eth0")]).toEqual(before);
  });

  const failures: readonly (readonly [string, string | undefined, object, string])[] = [
    [
      "the VRF has another table",
      "link add blue type vrf table 7",
      { conf: { vrfname: "blue", table: 8 } },
      "exists already with table 7",
    ],
    ["another link has the name", "link add blue type dummy", {}, "is no VRF"],
    [
      "the interface is in a bridge",
      "link add br0 type bridge; link set eth0 master br0",
      {},
      "has already a master, br0",
    ],
    ["the interface is missing", undefined, { ifname: "eth7" }, 'no interface "eth7"'],
    ["there is no previous result", undefined, { prevResult: false }, "chained plugin"],
    ["the name is missing", undefined, { conf: {} }, '"vrfname" is missing'],
    ["the version is too old", undefined, { cniVersion: "0.3.0" }, "incompatible CNI versions"],
    ["the interface cannot join", undefined, { ifname: "lo" }, "Cannot set link lo"],
  ];
  for (const [what, prepare, change, message] of failures) {
    test(`fails and leaves everything as it was when ${what}`, async () => {
      using t = setUp();
      for (const command of prepare?.split("; ") ?? []) t.chain.ip(command);
      const before = [t.vrfs(), t.routes("main"), t.addresses("eth0")];
      expect((await t.chain.refused(vrf, "ADD", { ...blue, ...change })).msg).toContain(message);
      expect([t.vrfs(), t.routes("main"), t.addresses("eth0")]).toEqual(before);
    });
  }
});

describe("CHECK", () => {
  const drifts: readonly (readonly [string, string, object, string])[] = [
    ["a missing VRF", "link del blue", {}, "there is no VRF blue"],
    ["another table", "link show", { conf: { vrfname: "blue", table: 9 } }, "has table 1, configured is 9"],
    ["a VRF that is down", "link set blue down", {}, "is down"],
    ["an interface outside", "link set eth0 nomaster", {}, "is not in VRF blue"],
    ["a missing address", "addr del fd00:1::2/64 dev eth0", {}, "no address fd00:1::2/64"],
    ["a missing interface", "link del eth0", {}, "there is no interface eth0"],
  ];
  for (const [what, command, change, message] of drifts) {
    test(`notices ${what}`, async () => {
      using t = setUp();
      await t.chain.must(vrf, "ADD", blue);
      t.chain.ip(command);
      expect((await t.chain.refused(vrf, "CHECK", { ...blue, ...change })).msg).toContain(`CHECK failed: `);
      expect((await t.chain.refused(vrf, "CHECK", { ...blue, ...change })).msg).toContain(message);
    });
  }
});

describe("DEL", () => {
  const rows: readonly (readonly [string, string, object, boolean])[] = [
    ["the interface is gone (the reference fails)", "link del eth0", {}, true],
    ["the VRF is gone (the reference fails)", "link del blue", {}, true],
    ["the interface left", "link set eth0 nomaster", {}, true],
    ["there is no previous result", "link show", { prevResult: false }, true],
    ["CNI_NETNS is empty", "link show", { netns: "" }, false],
    ["the namespace is gone", "link show", { netns: "/run/netns/gone" }, false],
    ["the configuration names no VRF", "link show", { conf: {} }, false],
    ["the configured table is another", "link show", { conf: { vrfname: "blue", table: "x" } }, true],
    ["the name is another link's", "link del blue; link add blue type dummy", {}, true],
  ];
  for (const [what, commands, change, clean] of rows) {
    test(`succeeds twice when ${what}`, async () => {
      using t = setUp();
      await t.chain.must(vrf, "ADD", blue);
      for (const command of commands.split("; ")) t.chain.ip(command);
      for (let i = 0; i < 2; i++) await t.chain.must(vrf, "DEL", { ...blue, ...change });
      if (clean) expect(t.vrfs()).toEqual({});
    });
  }
});

test("GC and STATUS succeed, STATUS only with a good configuration", async () => {
  using t = setUp();
  await t.chain.must(vrf, "GC", blue);
  await t.chain.must(vrf, "STATUS", blue);
  expect((await t.chain.refused(vrf, "STATUS", { conf: {} })).msg).toContain("vrfname");
});

describe("beside the reference", () => {
  test("makes the same VRF with the same routes (version 1.1.1 still loses others than the subnets')", async () => {
    using ours = setUp();
    using theirs = setUp();
    await ours.chain.must(vrf, "ADD", blue);
    theirs.chain.reference("vrf", "ADD", blue);
    expect(ours.vrfs()).toEqual(theirs.vrfs());
    expect(ours.routes(1)).toEqual(theirs.routes(1));
    expect(ours.addresses("eth0")).toEqual(theirs.addresses("eth0"));
  });

  test("each one's CHECK and DEL accept the other's ADD", async () => {
    using t = setUp();
    t.chain.reference("vrf", "ADD", blue);
    await t.chain.must(vrf, "CHECK", blue);
    await t.chain.must(vrf, "DEL", blue);
    expect(t.vrfs()).toEqual({});
    await t.chain.must(vrf, "ADD", blue);
    t.chain.reference("vrf", "CHECK", blue);
    t.chain.reference("vrf", "DEL", blue);
    expect(t.vrfs()).toEqual({});
  });
});
