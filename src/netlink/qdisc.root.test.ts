// Qdiscs and filters in a real kernel, as tc(8) sees them.
import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { Connection } from "./connection.ts";
import { addRedirect, listFilters, removeFilters } from "./filter.ts";
import {
  addQdisc,
  ingressQdisc,
  listQdiscs,
  removeQdisc,
  replaceQdisc,
  rootQdisc,
  sameTbf,
  type Tbf,
} from "./qdisc.ts";
import { handle, ingressHandle, Parent } from "./tc.ts";

/** A veth pair v0 (ifindex 10) and v1 (ifindex 11). */
function veth(box: Sandbox): BoxNetns {
  const ns = box.netns("tc");
  box.sh(ns, "ip link add v0 index 10 type veth peer name v1 index 11".split(" "));
  return ns;
}

function tbf(rateBytes: number, burstBytes: number, limitBytes: number): Tbf {
  return { kind: "tbf", rateBytes, burstBytes, limitBytes };
}

const shapes: readonly (readonly [Tbf, shown: string])[] = [
  [tbf(125_000, 65_536, 102_400), "rate 1Mbit burst 64Kb"],
  [tbf(1, 1600, 3000), "rate 8bit"],
  [tbf(1_250_000_000, 1_000_000, 2_000_000), "rate 10Gbit"],
  [tbf(12_500_000_000, 10_000_000, 20_000_000), "rate 100Gbit"],
  [tbf(4_294_967_295, 1_000_000, 2_000_000), "rate 34359Mbit"],
  [tbf(1000, 0x1000_0000, 0x2000_0000), "rate 8Kbit"],
];

describe("qdiscs", () => {
  for (const [shape, shown] of shapes) {
    test(`tbf of ${shape.rateBytes} B/s reads back as it was asked for`, () => {
      using box = new Sandbox();
      const ns = veth(box);
      using netns = new Netns(ns.path);
      using route = new Connection("route", netns);
      route.apply([addQdisc(rootQdisc(10, shape, handle(1)))]);
      expect(box.sh(ns, ["tc", "qdisc", "show", "dev", "v0"])).toContain(`qdisc tbf 1: root refcnt 3 ${shown}`);
      const [listed] = listQdiscs(route, 10);
      const have = listed?.shape;
      if (have?.kind !== "tbf") throw new Error(`Not a tbf: ${JSON.stringify(listed)}`);
      expect({ ...have, burstBytes: 0 }).toEqual({ ...shape, burstBytes: 0 });
      expect(sameTbf(shape, have)).toBe(true);
      expect(sameTbf({ ...shape, rateBytes: shape.rateBytes + 1 }, have)).toBe(false);
      expect(sameTbf({ ...shape, limitBytes: shape.limitBytes + 1 }, have)).toBe(false);
    });
  }

  test("what tc shapes reads as what it was told", () => {
    using box = new Sandbox();
    const ns = veth(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    box.sh(ns, "tc qdisc add dev v0 root tbf rate 1mbit burst 64kb limit 100kb".split(" "));
    expect(listQdiscs(route, 10).map(({ shape }) => shape)).toEqual([tbf(125_000, 65_536, 102_400)]);
  });

  test("a root qdisc is added once, replaced, and removed twice", () => {
    using box = new Sandbox();
    const ns = veth(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    const [first, second] = [tbf(1000, 2000, 3000), tbf(4000, 5000, 6000)];
    route.apply([addQdisc(rootQdisc(10, first))]);
    expect(route.tryApply([addQdisc(rootQdisc(10, first))]).map(({ error }) => error.errnoName)).toEqual(["EEXIST"]);
    route.apply([replaceQdisc(rootQdisc(10, second))]);
    expect(listQdiscs(route, 10).map(({ shape }) => shape)).toEqual([second]);
    const root = { ifindex: 10, parent: Parent.root };
    route.apply([removeQdisc(root), removeQdisc(root)]);
    expect(listQdiscs(route)).toEqual([]);
    route.apply([removeQdisc({ ifindex: 99, parent: Parent.root })]);
  });

  test("ingress, htb and clsact with shared blocks", () => {
    using box = new Sandbox();
    const ns = veth(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    const all = [
      rootQdisc(10, { kind: "htb", defaultClass: 0x30 }, handle(1)),
      ingressQdisc(10),
      ingressQdisc(11, { kind: "clsact", ingressBlock: 31, egressBlock: 32 }),
    ];
    route.apply(all.map(addQdisc));
    const listed = listQdiscs(route);
    for (const qdisc of all) expect(listed).toContainEqual(qdisc);
    const shown = box.sh(ns, ["tc", "qdisc", "show"]);
    expect(shown).toContain("qdisc htb 1: dev v0 root refcnt 3 r2q 10 default 0x30");
    expect(shown).toContain("qdisc ingress ffff: dev v0 parent ffff:fff1");
    expect(shown).toContain("qdisc clsact ffff: dev v1 parent ffff:fff1 ingress_block 31 egress_block 32");
    const ingress = { ifindex: 10, parent: Parent.ingress };
    route.apply([removeQdisc(ingress), removeQdisc(ingress)]);
    expect(listQdiscs(route, 10)).toHaveLength(1);
  });

  test("names a qdisc of another kind", () => {
    using box = new Sandbox();
    const ns = veth(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    box.sh(ns, "tc qdisc add dev v0 root handle 2: pfifo".split(" "));
    expect(listQdiscs(route, 10)).toEqual([
      { ifindex: 10, parent: Parent.root, handle: handle(2), shape: { kind: "other", name: "pfifo" } },
    ]);
  });
});

describe("filters", () => {
  const place = { ifindex: 10, parent: ingressHandle, priority: 1 };

  test("a redirect is made as tc makes it", () => {
    using box = new Sandbox();
    const ns = veth(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    const show = () => JSON.parse(box.sh(ns, "tc -json filter show dev v0 parent ffff:".split(" "))) as unknown;
    box.sh(ns, "tc qdisc add dev v0 ingress".split(" "));
    const command = "tc filter add dev v0 parent ffff: protocol all prio 1 u32 match u32 0 0";
    box.sh(ns, `${command} action mirred egress redirect dev v1`.split(" "));
    const [byTc, listedByTc] = [show(), listFilters(route, 10, ingressHandle)];
    box.sh(ns, "tc qdisc del dev v0 ingress".split(" "));

    route.apply([addQdisc(ingressQdisc(10)), addRedirect({ ...place, to: 11 })]);
    expect(withoutIndex(show())).toEqual(withoutIndex(byTc));
    const expected = { ...place, handle: 0x80000800, protocol: 3, kind: "u32", to: 11, matchesAll: true };
    expect(listFilters(route, 10, ingressHandle)).toEqual([expected]);
    expect(listedByTc).toEqual([expected]);
  });

  test("filters are added once and removed twice, by priority or all", () => {
    using box = new Sandbox();
    const ns = veth(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    route.apply([
      addQdisc(ingressQdisc(10)),
      ...[1, 2, 3].map((priority) => addRedirect({ ...place, priority, to: 11 })),
    ]);
    const priorities = () => listFilters(route, 10, ingressHandle).map(({ priority }) => priority);
    expect(priorities()).toEqual([1, 2, 3]);
    route.apply([removeFilters(place), removeFilters(place)]);
    expect(priorities()).toEqual([2, 3]);
    route.apply([removeFilters({ ...place, priority: 0 }), removeFilters({ ...place, priority: 0 })]);
    expect(priorities()).toEqual([]);
    route.apply([removeQdisc({ ifindex: 10, parent: Parent.ingress }), removeFilters(place)]);
  });

  test("a filter that looks at the packet does not match all", () => {
    using box = new Sandbox();
    const ns = veth(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    box.sh(ns, "tc qdisc add dev v0 clsact".split(" "));
    const command = "tc filter add dev v0 egress protocol ip prio 5 u32 match ip dst 10.0.0.0/8 flowid 1:1";
    box.sh(ns, command.split(" "));
    const [filter] = listFilters(route, 10, Parent.clsactEgress);
    expect(filter).toMatchObject({ priority: 5, protocol: 0x800, kind: "u32", matchesAll: false });
    expect(filter?.to).toBeUndefined();
    expect(listFilters(route, 10, Parent.clsactIngress)).toEqual([]);
  });
});

/** Actions are numbered through the whole namespace. */
function withoutIndex(shown: unknown): unknown {
  return JSON.parse(JSON.stringify(shown, (key, value: unknown) => (key === "index" ? 0 : value)));
}
