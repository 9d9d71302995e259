// Neighbours and forwarding entries in a real kernel, as ip-neigh(8) and bridge-fdb(8) see them.
import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { Connection } from "./connection.ts";
import { addFdbEntry, anyMac, appendFdbEntry, type FdbEntry, listFdb, removeFdbEntry, replaceFdbEntry } from "./fdb.ts";
import { addNeighbour, listNeighbours, removeNeighbour, replaceNeighbour } from "./neighbour.ts";

const [macA, macB] = [mac("02:00:00:00:00:0a"), mac("02:00:00:00:00:0b")];

/** A veth pair v0 (ifindex 10, up, with addresses) and v1 (11, a port of the bridge br0, 12), and vx (13), a VXLAN link. */
function wired(box: Sandbox): BoxNetns {
  const ns = box.netns("neigh");
  const commands = [
    "link add v0 index 10 type veth peer name v1 index 11",
    "link add br0 index 12 type bridge",
    "link add vx index 13 type vxlan id 5 dstport 4789 local 10.0.0.1",
    "link set v1 master br0",
    "address add 10.0.0.1/24 dev v0",
    "address add fd00::1/64 dev v0 nodad",
    ...["v0", "v1", "br0", "vx"].map((name) => `link set ${name} up`),
  ];
  for (const command of commands) box.sh(ns, ["ip", ...command.split(" ")]);
  return ns;
}

describe("neighbours", () => {
  for (const address of [ip("10.0.0.9"), ip("fd00::9")]) {
    test(`${address} is added once, replaced, and removed twice`, () => {
      using box = new Sandbox();
      const ns = wired(box);
      using netns = new Netns(ns.path);
      using route = new Connection("route", netns);
      const show = () => JSON.parse(box.sh(ns, "ip -json neigh show dev v0 nud permanent".split(" "))) as unknown;
      const listed = () => listNeighbours(route, 10).filter(({ state }) => state === "permanent");
      const want = { ifindex: 10, address, mac: macA };

      route.apply([addNeighbour(want)]);
      expect(show()).toEqual([{ dst: address, lladdr: macA, state: ["PERMANENT"] }]);
      expect(route.tryApply([addNeighbour(want)]).map(({ error }) => error.errnoName)).toEqual(["EEXIST"]);

      route.apply([replaceNeighbour({ ...want, mac: macB })]);
      expect(show()).toEqual([{ dst: address, lladdr: macB, state: ["PERMANENT"] }]);
      expect(listed()).toEqual([{ ...want, mac: macB, state: "permanent" }]);

      route.apply([removeNeighbour(want), removeNeighbour(want), removeNeighbour({ ...want, ifindex: 99 })]);
      expect(listed()).toEqual([]);
      expect(show()).toEqual([]);
    });
  }

  test("lists those of all links, whatever their state", () => {
    using box = new Sandbox();
    const ns = wired(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    route.apply([
      addNeighbour({ ifindex: 10, address: ip("10.0.0.9"), mac: macA, state: "stale" }),
      addNeighbour({ ifindex: 12, address: ip("fd00::9"), mac: macB, state: "permanent", router: true }),
    ]);
    const all = listNeighbours(route).filter(({ mac }) => mac === macA || mac === macB);
    expect(all).toEqual([
      { ifindex: 10, address: ip("10.0.0.9"), mac: macA, state: "stale" },
      { ifindex: 12, address: ip("fd00::9"), mac: macB, state: "permanent", router: true },
    ]);
  });
});

describe("forwarding entries", () => {
  const inBridge: FdbEntry = { ifindex: 11, mac: macA, table: "master", state: "noarp" };
  const inVxlan: FdbEntry = { ifindex: 13, mac: macA, table: "self", state: "permanent", dst: ip("10.0.0.7") };

  test("of a bridge are added once, replaced, and removed twice", () => {
    using box = new Sandbox();
    const ns = wired(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    const show = () => box.sh(ns, "bridge fdb show dev v1".split(" "));
    const listed = () => listFdb(route, { master: 12 }).filter(({ mac }) => mac === macA);

    route.apply([addFdbEntry(inBridge)]);
    expect(show()).toMatch(`${macA} master br0 static`);
    expect(route.tryApply([addFdbEntry(inBridge)]).map(({ error }) => error.errnoName)).toEqual(["EEXIST"]);
    expect(listed()).toEqual([{ ...inBridge, master: 12 }]);
    route.apply([replaceFdbEntry({ ...inBridge, state: "permanent" })]);
    expect(show()).toMatch(`${macA} master br0 permanent`);
    expect(listed()).toEqual([{ ...inBridge, state: "permanent", master: 12 }]);
    route.apply([removeFdbEntry(inBridge), removeFdbEntry(inBridge)]);
    expect(show()).not.toMatch(macA);
    expect(listed()).toEqual([]);
  });

  test("of a VXLAN link name the far end, and for the zero address several", () => {
    using box = new Sandbox();
    const ns = wired(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    const flood: FdbEntry = { ...inVxlan, mac: anyMac };
    const other: FdbEntry = { ...flood, dst: ip("10.0.0.8"), port: 8472, vni: 9 };
    route.apply([addFdbEntry(inVxlan), appendFdbEntry(flood), appendFdbEntry(other)]);
    const shown = box.sh(ns, "bridge fdb show dev vx".split(" "));
    expect(shown).toMatch(`${macA} dst 10.0.0.7 self permanent`);
    expect(shown).toMatch(`${anyMac} dst 10.0.0.7 self permanent`);
    expect(shown).toMatch(`${anyMac} dst 10.0.0.8 port 8472 vni 9 self permanent`);
    const listed = listFdb(route, { ifindex: 13 });
    expect(listed).toHaveLength(3);
    for (const entry of [inVxlan, flood, other]) expect(listed).toContainEqual(expect.objectContaining(entry));
    route.apply([removeFdbEntry(other), removeFdbEntry(flood), removeFdbEntry(inVxlan), removeFdbEntry(inVxlan)]);
    expect(listFdb(route, { ifindex: 13 })).toEqual([]);
  });
});
