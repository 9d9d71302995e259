// Routes in a real kernel, seen by ip(8).
import { describe, expect, test } from "bun:test";
import { cidr, familyOfCidr, ifAddr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { NetlinkBox } from "#test/netlink-box.ts";
import { addAddress } from "./address.ts";
import { addVeth } from "./link.ts";
import { addRoute, appendRoute, listRoutes, type Route, removeRoute, replaceRoute } from "./route.ts";
import { routeTo } from "./route-to.ts";

/** Two pairs, a (ifindex 10) with 10.0.0.1/24 and fd00::1/64, and c (12) with 10.2.0.1/24 and fd02::1/64, both up. */
function wired(): NetlinkBox {
  const at = new NetlinkBox();
  at.route.apply([
    addVeth({ name: "a", index: 10, up: true }, { name: "b", index: 11 }),
    addVeth({ name: "c", index: 12, up: true }, { name: "d", index: 13 }),
  ]);
  for (const name of ["b", "d"]) at.ip("link", "set", "dev", name, "up");
  at.route.apply([
    ...["10.0.0.1/24", "fd00::1/64"].map((address) =>
      addAddress(10, ifAddr(address), { noDad: address.includes(":") }),
    ),
    ...["10.2.0.1/24", "fd02::1/64"].map((address) =>
      addAddress(12, ifAddr(address), { noDad: address.includes(":") }),
    ),
  ]);
  return at;
}

/** What ip(8) tells of the routes to `dst` in `table`. */
function seen(at: NetlinkBox, { dst, table = 254 }: Pick<Route, "dst" | "table">) {
  const version = familyOfCidr(dst) === "ipv4" ? "-4" : "-6";
  const asPrinted = /^(0\.0\.0\.0|::)\/0$/.test(dst)
    ? "default"
    : dst.replace(version === "-4" ? /\/32$/ : /\/128$/, "");
  const printed = at.see(version, "route", "show", "table", "all");
  const tables: Readonly<Record<string, number>> = { main: 254, local: 255, default: 253 };
  const tableOf = (row: Readonly<Record<string, unknown>>) => {
    const name = String(row["table"] ?? "main");
    return tables[name] ?? Number(name);
  };
  return printed.filter((row) => row["dst"] === asPrinted && tableOf(row) === table);
}

/** What our own list tells of the same. */
function listed(at: NetlinkBox, { dst, table = 254 }: Pick<Route, "dst" | "table">): readonly Route[] {
  return listRoutes(at.route, familyOfCidr(dst), { table }).filter((route) => route.dst === dst);
}

const dst = cidr("10.9.0.0/16");
const dst6 = cidr("fd09::/32");
const near = { oif: 10, gateway: ip("10.0.0.7") };
const near6 = { oif: 10, gateway: ip("fd00::7") };

describe("addRoute() and removeRoute()", () => {
  const rows: readonly (readonly [route: Route, seen: Readonly<Record<string, unknown>>])[] = [
    [
      { dst, oif: 10 },
      { dev: "a", scope: "link", protocol: "boot" },
    ],
    [
      { dst, ...near },
      { gateway: "10.0.0.7", dev: "a" },
    ],
    [
      { dst, gateway: ip("10.2.0.7") },
      { gateway: "10.2.0.7", dev: "c" },
    ],
    [{ dst: cidr("0.0.0.0/0"), ...near }, { gateway: "10.0.0.7" }],
    [{ dst: cidr("10.9.9.9/32"), ...near }, { gateway: "10.0.0.7" }],
    [{ dst, ...near, priority: 77 }, { metric: 77 }],
    [{ dst, ...near, table: 100 }, { gateway: "10.0.0.7" }],
    [{ dst, ...near, table: 70_000 }, { gateway: "10.0.0.7" }],
    [{ dst, ...near, prefSrc: ip("10.0.0.1") }, { prefsrc: "10.0.0.1" }],
    [{ dst, ...near, mtu: 1300 }, { metrics: [{ mtu: 1300 }] }],
    [{ dst, ...near, mtu: 1300, advmss: 1200 }, { metrics: [{ mtu: 1300, advmss: 1200 }] }],
    [{ dst, ...near, protocol: "static" }, { protocol: "static" }],
    [{ dst, oif: 10, scope: "host" }, { scope: "host" }],
    [
      { dst, oif: 10, gateway: ip("192.0.2.9"), onLink: true },
      { gateway: "192.0.2.9", flags: ["onlink"] },
    ],
    [{ dst, type: "blackhole", scope: "universe" }, { type: "blackhole" }],
    [{ dst, type: "unreachable", scope: "universe" }, { type: "unreachable" }],
    [{ dst: dst6, oif: 10 }, { dev: "a" }],
    [
      { dst: dst6, ...near6 },
      { gateway: "fd00::7", dev: "a" },
    ],
    [
      { dst: cidr("::/0"), ...near6, priority: 5 },
      { gateway: "fd00::7", metric: 5 },
    ],
    [{ dst: dst6, ...near6, table: 100, mtu: 1400, advmss: 1300 }, { metrics: [{ mtu: 1400, advmss: 1300 }] }],
    [{ dst: dst6, ...near6, prefSrc: ip("fd00::1") }, { prefsrc: "fd00::1" }],
    [
      {
        dst,
        multipath: [
          { index: 10, gateway: ip("10.0.0.7"), weight: 3, onLink: false },
          { index: 12, gateway: ip("10.2.0.7"), weight: 1, onLink: false },
        ],
      },
      {
        nexthops: [
          { gateway: "10.0.0.7", dev: "a", weight: 3, flags: [] },
          { gateway: "10.2.0.7", dev: "c", weight: 1, flags: [] },
        ],
      },
    ],
    [
      {
        dst: dst6,
        multipath: [
          { index: 10, gateway: ip("fd00::7"), weight: 1, onLink: false },
          { index: 12, gateway: ip("fd02::7"), weight: 2, onLink: false },
        ],
      },
      {
        nexthops: [
          { gateway: "fd00::7", dev: "a", weight: 1, flags: [] },
          { gateway: "fd02::7", dev: "c", weight: 2, flags: [] },
        ],
      },
    ],
  ];
  for (const [route, expected] of rows) {
    const add = addRoute(route);
    test(`${add.text}: as ip(8) sees it, as read back, and away again twice`, () => {
      using at = wired();
      at.route.apply([add]);
      expect(seen(at, route)).toMatchObject([expected]);
      const [found, ...others] = listed(at, route);
      expect(others).toEqual([]);
      // The kernel finds the link of a gateway itself.
      const { multipath = [], ...asked } = route;
      expect(found).toMatchObject(asked);
      expect(found?.multipath ?? []).toEqual(multipath);
      const [again] = at.route.tryApply([add]);
      expect(again?.error.message).toStartWith(`Cannot ${add.text}: EEXIST`);
      at.route.apply([removeRoute(route), removeRoute(route)]);
      expect([seen(at, route), listed(at, route)]).toEqual([[], []]);
    });
  }

  test("an encapsulated route keeps its bytes", () => {
    using at = wired();
    // LWTUNNEL_ENCAP_IP (2) with LWTUNNEL_IP_ID (1) 42 and LWTUNNEL_IP_DST (2) 192.0.2.2 (linux/lwtunnel.h).
    at.ip("link", "add", "vx", "index", "20", "type", "vxlan", "external", "dstport", "4789");
    at.ip("link", "set", "dev", "vx", "up");
    const bytes = Uint8Array.from([12, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 42, 8, 0, 2, 0, 192, 0, 2, 2]);
    at.route.apply([addRoute({ dst, oif: 20, encap: { type: 2, bytes } })]);
    expect(at.ip("route", "show", dst)).toMatch(/^10\.9\.0\.0\/16 {2}encap ip id 42 .*dst 192\.0\.2\.2 .*dev vx/);
    const [found] = listed(at, { dst });
    expect(found?.encap?.type).toBe(2);
    expect(Buffer.from(found?.encap?.bytes ?? []).subarray(0, 12)).toEqual(Buffer.from(bytes).subarray(0, 12));
    // Read back and written again it is the same route.
    at.route.apply([removeRoute({ dst, oif: 20 }), addRoute({ ...found, dst })]);
    expect(listed(at, { dst })).toEqual(found === undefined ? [] : [found]);
  });

  test("tells in the kernel's words why a route cannot be", () => {
    using at = wired();
    expect(() => at.route.apply([addRoute({ dst, gateway: ip("192.0.2.1") })])).toThrow(
      "Cannot add route 10.9.0.0/16 via 192.0.2.1: ENETUNREACH (Nexthop has invalid gateway)",
    );
    expect(() => at.route.apply([addRoute({ dst, oif: 99 })])).toThrow("Cannot add route 10.9.0.0/16 dev #99: ENODEV");
  });
});

describe("replaceRoute()", () => {
  for (const [to, first, second] of [
    [dst, ip("10.0.0.7"), ip("10.0.0.8")],
    [dst6, ip("fd00::7"), ip("fd00::8")],
  ] as const) {
    test(`makes the route to ${to}, and changes it`, () => {
      using at = wired();
      at.route.apply([replaceRoute({ dst: to, oif: 10, gateway: first })]);
      at.route.apply([replaceRoute({ dst: to, oif: 10, gateway: second, mtu: 1300 })]);
      expect(seen(at, { dst: to })).toMatchObject([{ gateway: second, metrics: [{ mtu: 1300 }] }]);
    });
  }
});

describe("appendRoute()", () => {
  test("joins IPv6 routes of one metric to one with several nexthops, and keeps IPv4's apart", () => {
    using at = wired();
    at.route.apply([
      appendRoute({ dst: dst6, oif: 10, gateway: ip("fd00::7") }),
      appendRoute({ dst: dst6, oif: 12, gateway: ip("fd02::7") }),
      appendRoute({ dst, oif: 10, gateway: ip("10.0.0.7") }),
      appendRoute({ dst, oif: 12, gateway: ip("10.2.0.7") }),
    ]);
    expect(listed(at, { dst: dst6 }).flatMap(({ multipath = [] }) => multipath.map(({ index }) => index))).toEqual([
      10, 12,
    ]);
    expect(listed(at, { dst }).map(({ oif }) => oif)).toEqual([10, 12]);
  });

  test("of the same route once more is an error unless it is allowed", () => {
    using at = wired();
    at.route.apply([appendRoute({ dst, ...near }), appendRoute({ dst, ...near }, ["EEXIST"])]);
    expect(at.route.tryApply([appendRoute({ dst, ...near })]).map(({ error }) => error.errnoName)).toEqual(["EEXIST"]);
  });
});

describe("listRoutes()", () => {
  test("has one table, or one link, or all", () => {
    using at = wired();
    at.route.apply([addRoute({ dst, ...near, table: 100 }), addRoute({ dst, oif: 12, table: 101 })]);
    const tables = (filter: Parameters<typeof listRoutes>[2]) =>
      [...new Set(listRoutes(at.route, "ipv4", filter).map(({ table }) => table))].sort();
    expect(tables({ table: 100 })).toEqual([100]);
    expect(tables({ table: 102 })).toEqual([]);
    expect(tables({ oif: 12, table: 101 })).toEqual([101]);
    expect(tables({})).toEqual([100, 101, 254, 255]);
  });

  test("lists every route of a long list once", () => {
    using at = wired();
    const all = Array.from({ length: 3000 }, (_, i) => cidr(`10.${100 + (i >> 8)}.${i & 255}.0/24`));
    at.route.apply(all.map((each) => addRoute({ dst: each, ...near, table: 100 })));
    const found = listRoutes(at.route, "ipv4", { table: 100 }).map((route) => route.dst);
    expect([...found].sort()).toEqual([...all].sort());
  });
});

describe("routeTo()", () => {
  test("is the kernel's own choice", () => {
    using at = wired();
    at.route.apply([addRoute({ dst, ...near }), addRoute({ dst: dst6, ...near6 })]);
    const ways = ["10.2.0.9", "10.9.1.1", "fd02::9", "fd09::1", "192.0.2.1", "2001:db8::1", "10.0.0.1"].map((each) =>
      routeTo(at.route, ip(each)),
    );
    expect(ways).toEqual([
      { oif: 12, gateway: undefined },
      { oif: 10, gateway: ip("10.0.0.7") },
      { oif: 12, gateway: undefined },
      { oif: 10, gateway: ip("fd00::7") },
      undefined,
      undefined,
      undefined,
    ]);
  });
});
