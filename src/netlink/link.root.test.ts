// Links in a real kernel, seen by ip(8): each kind that every kernel here has, changes, moves, ports, and long lists.
import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { makeTap } from "#kernel/tun.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { parentIndex, testLinkKinds } from "#test/link-kinds.ts";
import { NetlinkBox } from "#test/netlink-box.ts";
import { Connection } from "./connection.ts";
import {
  addLink,
  addVeth,
  findLink,
  type LinkSettings,
  listLinks,
  removeLink,
  removeLinkGroup,
  setArpNotify,
  setBridgePort,
  setLink,
  setLinkInfo,
} from "./link.ts";

const parent = parentIndex;
const [macA, macB] = [mac("02:00:00:00:00:0a"), mac("02:00:00:00:00:0b")];

testLinkKinds([
  { info: { kind: "bridge" }, settings: { mac: macA, mtu: 1400 }, seen: { address: macA, mtu: 1400 } },
  {
    info: {
      kind: "bridge",
      data: { forwardDelay: 200, ageingTime: 1000, stpState: 1, priority: 100, groupFwdMask: 8 },
    },
    seen: {
      linkinfo: {
        info_kind: "bridge",
        info_data: { forward_delay: 200, ageing_time: 1000, stp_state: 1, priority: 100, group_fwd_mask: "0x8" },
      },
    },
  },
  {
    info: { kind: "bridge", data: { mcastSnooping: 0 } },
    seen: { linkinfo: { info_kind: "bridge", info_data: { mcast_snooping: 0 } } },
  },
  { info: { kind: "ifb" }, settings: { txqlen: 7 }, seen: { txqlen: 7 } },
  ...(["bridge", "private", "vepa", "passthru"] as const).map((mode) => ({
    info: { kind: "macvlan", data: { mode } } as const,
    settings: { parent },
    seen: { link: "parent", linkinfo: { info_kind: "macvlan", info_data: { mode } } },
  })),
  {
    info: { kind: "macvlan", data: { mode: "bridge", bcQueueLen: 77 } },
    settings: { parent, mac: macA },
    seen: { address: macA, linkinfo: { info_kind: "macvlan", info_data: { bcqueuelen: 77 } } },
  },
  {
    info: {
      kind: "vxlan",
      data: { id: 77, link: parent, local: ip("192.0.2.1"), port: 4789, learning: 0, ttl: 9, tos: 4, ageing: 60 },
    },
    seen: {
      linkinfo: {
        info_kind: "vxlan",
        info_data: { id: 77, link: "parent", local: "192.0.2.1", port: 4789, learning: false, ttl: 9, ageing: 60 },
      },
    },
  },
  {
    info: { kind: "vxlan", data: { id: 78, group6: ip("2001:db8::2"), local6: ip("2001:db8::1"), port: 8472 } },
    seen: { linkinfo: { info_kind: "vxlan", info_data: { remote6: "2001:db8::2", local6: "2001:db8::1" } } },
  },
  {
    info: { kind: "vxlan", data: { collectMetadata: 1, port: 4789, udpZeroCsum6Rx: 1, udpZeroCsum6Tx: 1 } },
    seen: { linkinfo: { info_kind: "vxlan", info_data: { external: true, port: 4789, udp_zero_csum6_rx: true } } },
  },
]);

describe("addVeth()", () => {
  test("makes both ends with their settings, the far one in another namespace and down", () => {
    using at = new NetlinkBox();
    const other = at.box.netns("other");
    using netns = new Netns(other.path);
    at.route.apply([
      addVeth(
        { name: "near0", index: 20, mac: macA, mtu: 1400, up: true },
        { name: "far0", index: 30, mac: macB, mtu: 1300, netns },
      ),
    ]);
    expect(at.see("link", "show", "dev", "near0")).toMatchObject([
      { ifindex: 20, address: macA, mtu: 1400, linkinfo: { info_kind: "veth" }, num_tx_queues: 1, link_index: 30 },
    ]);
    const [far] = JSON.parse(at.box.sh(other, ["ip", "-json", "link", "show", "dev", "far0"]));
    expect(far).toMatchObject({ ifindex: 30, address: macB, mtu: 1300, operstate: "DOWN" });
    using inside = new Connection("route", netns);
    expect(findLink(at.route, "near0")).toMatchObject({ up: true, parent: 30, linkNetnsid: expect.any(Number) });
    expect(findLink(inside, "far0")).toMatchObject({ up: false, parent: 20 });
  });

  test("makes none when a name or a number is taken", () => {
    using at = new NetlinkBox();
    at.route.apply([addVeth({ name: "a", index: 20 }, { name: "b", index: 21 })]);
    const again = [
      addVeth({ name: "a" }, { name: "c" }),
      addVeth({ name: "c" }, { name: "b" }),
      addVeth({ name: "c", index: 21 }, { name: "d" }),
    ];
    const failures = at.route.tryApply(again);
    expect(failures.map(({ error }) => error.errnoName)).toEqual([
      "EEXIST",
      "EEXIST",
      expect.stringMatching(/^E(BUSY|EXIST)$/),
    ]);
    expect(at.see("link", "show", "type", "veth")).toHaveLength(2);
  });
});

describe("setLink()", () => {
  const changes: readonly (readonly [LinkSettings, Readonly<Record<string, unknown>>])[] = [
    [{ name: "y0" }, { ifname: "y0" }],
    [{ mac: macB }, { address: macB }],
    [{ mtu: 1280 }, { mtu: 1280 }],
    [{ txqlen: 7 }, { txqlen: 7 }],
    [{ alias: "uplink to rack 4" }, { ifalias: "uplink to rack 4" }],
    [{ alias: "ünïcode" }, { ifalias: "ünïcode" }],
    [{ group: 0x7477 }, { group: "29815" }],
    [{ promisc: true }, { promiscuity: 1 }],
    [{ allmulti: true }, { flags: expect.arrayContaining(["ALLMULTI"]) }],
    [{ up: true }, { flags: expect.arrayContaining(["UP"]) }],
  ];
  for (const [settings, seen] of changes) {
    test(`changes ${JSON.stringify(settings)} and nothing else`, () => {
      using at = new NetlinkBox();
      at.route.apply([addLink({ name: "x0", index: 77, mac: macA }, { kind: "bridge" })]);
      const before = findLink(at.route, 77);
      at.route.apply([setLink(77, settings, "x0")]);
      expect(at.see("link", "show")).toContainEqual(expect.objectContaining({ ifindex: 77, ...seen }));
      const changed = Object.fromEntries(
        Object.entries(findLink(at.route, 77) ?? {}).filter(
          ([name, value]) => !Bun.deepEquals(value, before?.[name as keyof typeof before]),
        ),
      );
      // Flags and states that follow from what was asked for.
      const { flags, operstate, promiscuity, info, ...asked } = changed;
      const { promisc, allmulti, ...named } = settings;
      expect<object>(asked).toEqual(named);
    });
  }

  test("switches off what it switched on", () => {
    using at = new NetlinkBox();
    at.route.apply([
      addLink({ name: "x0", index: 77, up: true, promisc: true, allmulti: true }, { kind: "ifb" }),
      setLink(77, { up: false, promisc: false, allmulti: false, alias: "" }, "x0"),
    ]);
    const [link] = at.see("link", "show", "dev", "x0");
    expect(link?.["flags"]).not.toEqual(expect.arrayContaining([expect.stringMatching(/^(UP|PROMISC|ALLMULTI)$/)]));
  });

  test("moves a link to another namespace under another name", () => {
    using at = new NetlinkBox();
    const other = at.box.netns("other");
    using netns = new Netns(other.path);
    at.route.apply([
      addVeth({ name: "x0", index: 77 }, { name: "x1" }),
      setLink(77, { netns, name: "eth0", alias: "x0" }, "x0"),
    ]);
    expect(findLink(at.route, "x0")).toBeUndefined();
    const [moved] = JSON.parse(at.box.sh(other, ["ip", "-json", "link", "show", "dev", "eth0"]));
    expect(moved.ifalias).toBe("x0");
  });

  test("tells what cannot be changed in the kernel's words", () => {
    using at = new NetlinkBox();
    at.route.apply([addLink({ name: "x0", index: 77 }, { kind: "bridge" })]);
    expect(() => at.route.apply([setLink(77, { mtu: 100_000 }, "x0")])).toThrow(
      "Cannot set link x0 mtu 100000: EINVAL (mtu greater than device maximum)",
    );
    expect(() => at.route.apply([setLink(99, { up: true })])).toThrow("Cannot set link #99 up true: ENODEV");
  });
});

describe("a bridge", () => {
  test("takes a port, changes it, and lets it go", () => {
    using at = new NetlinkBox();
    at.route.apply([
      addLink({ name: "br0", index: 50, up: true }, { kind: "bridge" }),
      addVeth({ name: "p0", index: 51, master: 50, up: true }, { name: "p1", index: 52 }),
      setBridgePort(51, { hairpin: 1, isolated: 1, learning: 0, unicastFlood: 0, cost: 9, priority: 5 }, "p0"),
    ]);
    const port = { hairpin: true, isolated: true, learning: false, flood: false, cost: 9, priority: 5 };
    expect(at.see("link", "show", "dev", "p0")).toMatchObject([
      { master: "br0", linkinfo: { info_slave_kind: "bridge", info_slave_data: port } },
    ]);
    expect(findLink(at.route, 51)).toMatchObject({
      master: 50,
      info: { kind: "veth", port: { hairpin: 1, isolated: 1, learning: 0, unicastFlood: 0, cost: 9, priority: 5 } },
    });
    at.route.apply([setLink(51, { master: 0 }, "p0")]);
    expect(findLink(at.route, 51)).toMatchObject({ master: 0 });
    expect(findLink(at.route, 51)?.info?.port).toBeUndefined();
  });

  test("is changed as a bridge", () => {
    using at = new NetlinkBox();
    at.route.apply([
      addLink({ name: "br0", index: 50 }, { kind: "bridge" }),
      setLinkInfo(50, { kind: "bridge", data: { ageingTime: 500 } }, "br0"),
    ]);
    expect(at.see("link", "show", "dev", "br0")).toMatchObject([{ linkinfo: { info_data: { ageing_time: 500 } } }]);
  });
});

test("a tap device is read with its owner, its queues and its persistence", () => {
  using at = new NetlinkBox();
  makeTap(at.netns, { name: "tap0", multiQueue: true, owner: 7, group: 8 });
  const data = { owner: 7, group: 8, type: "tap", multiQueue: 1, persist: 1, packetInfo: 0, vnetHeader: 0 } as const;
  expect(findLink(at.route, "tap0")?.info).toMatchObject({ kind: "tun", data });
});

test("setArpNotify() sets the sysctl of that link alone", () => {
  using at = new NetlinkBox();
  at.route.apply([addVeth({ name: "a", index: 20 }, { name: "b", index: 21 }), setArpNotify(20, "a")]);
  const values = at.box.sh(at.ns, ["sysctl", "-n", "net.ipv4.conf.a.arp_notify", "net.ipv4.conf.b.arp_notify"]);
  expect(values).toBe("1\n0\n");
});

test("removeLinkGroup() removes all links of the group and no other, twice", () => {
  using at = new NetlinkBox();
  const pairs = [0, 1, 2, 3].map((i) => addVeth({ name: `a${i}`, group: i < 3 ? 99 : 5 }, { name: `b${i}` }));
  at.route.apply([...pairs, removeLinkGroup(99), removeLinkGroup(99)]);
  expect(at.see("link", "show", "type", "veth").map(({ ifname }) => ifname)).toEqual(["b3", "a3"]);
});

test("listLinks() lists every link of a long list once", () => {
  using at = new NetlinkBox();
  // Some kilobytes a link: many datagrams.
  at.route.apply(Array.from({ length: 200 }, (_, i) => addLink({ name: `i${i}` }, { kind: "ifb" })));
  const names = listLinks(at.route).map(({ name }) => name);
  expect(names.filter((name) => name.startsWith("i")).length).toBe(200);
  expect(new Set(names).size).toBe(names.length);
  expect(names.sort()).toEqual(
    at
      .see("link", "show")
      .map(({ ifname }) => String(ifname))
      .sort(),
  );
});

test("removeLink() of a link that is gone is no error", () => {
  using at = new NetlinkBox();
  expect(at.route.tryApply([removeLink(99)])).toEqual([]);
});
