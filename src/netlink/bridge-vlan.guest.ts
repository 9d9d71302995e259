// VLANs of bridge ports in a kernel that filters them, as bridge-vlan(8) sees them.
import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { addPortVlan, listPortVlans, removePortVlan } from "./bridge-vlan.ts";
import { Connection } from "./connection.ts";

/** A bridge br0 (ifindex 12) without VLANs of its own, with the port v0 (10). */
function bridge(box: Sandbox): BoxNetns {
  const ns = box.netns("vlan");
  const commands = [
    "link add br0 index 12 type bridge vlan_filtering 1 vlan_default_pvid 0",
    "link add v0 index 10 type veth peer name v1 index 11",
    "link set v0 master br0",
  ];
  for (const command of commands) box.sh(ns, ["ip", ...command.split(" ")]);
  return ns;
}

describe("VLANs of a port", () => {
  test("are added one by one or as a range, listed, and removed twice", () => {
    using box = new Sandbox();
    const ns = bridge(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    const show = () => JSON.parse(box.sh(ns, "bridge -json vlan show dev v0".split(" "))) as unknown;
    const port = { ifindex: 10 };
    expect(listPortVlans(route, 10)).toEqual([]);

    route.apply([
      addPortVlan(port, { vid: 42, pvid: true, untagged: true }),
      addPortVlan(port, { vid: 100, rangeEnd: 103 }),
      addPortVlan(port, { vid: 7, untagged: true }),
    ]);
    const flags = { flags: ["PVID", "Egress Untagged"] };
    expect(show()).toEqual([
      {
        ifname: "v0",
        vlans: [
          { vlan: 7, flags: ["Egress Untagged"] },
          { vlan: 42, ...flags },
          ...[100, 101, 102, 103].map((vlan) => ({ vlan })),
        ],
      },
    ]);
    expect(listPortVlans(route, 10)).toEqual([
      { vid: 7, untagged: true },
      { vid: 42, pvid: true, untagged: true },
      ...[100, 101, 102, 103].map((vid) => ({ vid })),
    ]);

    route.apply([removePortVlan(port, { vid: 100, rangeEnd: 103 }), removePortVlan(port, { vid: 7 })]);
    route.apply([removePortVlan(port, { vid: 7 })]);
    expect(listPortVlans(route, 10)).toEqual([{ vid: 42, pvid: true, untagged: true }]);
  });

  test("a port may have all of them", () => {
    using box = new Sandbox();
    using netns = new Netns(bridge(box).path);
    using route = new Connection("route", netns);
    route.apply([addPortVlan({ ifindex: 10 }, { vid: 1, rangeEnd: 4094 })]);
    expect(listPortVlans(route, 10)).toHaveLength(4094);
  });

  test("the bridge itself has its own", () => {
    using box = new Sandbox();
    const ns = bridge(box);
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    route.apply([addPortVlan({ ifindex: 12, self: true }, { vid: 5, pvid: true, untagged: true })]);
    expect(listPortVlans(route, 12)).toEqual([{ vid: 5, pvid: true, untagged: true }]);
    expect(listPortVlans(route, 10)).toEqual([]);
    expect(box.sh(ns, "bridge vlan show dev br0".split(" "))).toMatch(/br0 +5 PVID Egress Untagged/);
    route.apply([removePortVlan({ ifindex: 12, self: true }, { vid: 5 })]);
    expect(listPortVlans(route, 12)).toEqual([]);
  });
});
