// A lab's network in real namespaces: everything reaches everything, and what breaks is mended.
import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { type LabFamily, type LabSpec, type Underlay, withMoreNodes } from "#lab/spec.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { addRoute } from "#netlink/route.ts";
import { Sandbox, type Netns as TestNetns } from "#test/sandbox.ts";
import { clientAddress, controlAddress, internetAddress, nodeAddresses } from "./addresses.ts";
import { applyFabric, Stations } from "./apply.ts";
import { awaitCarrier } from "./carrier.ts";
import { showOperation } from "./plan.ts";
import type { Station } from "./station.ts";
import { wantFabric } from "./want.ts";

function lab(family: LabFamily, underlay: Underlay, nodes = 2): LabSpec {
  return {
    name: "x",
    family,
    underlay,
    services: "proxy",
    port: 1,
    cni: undefined,
    agents: undefined,
    wires: [],
    nodes: withMoreNodes([], nodes),
  };
}

type Built = { readonly stations: Stations; readonly places: ReadonlyMap<string, TestNetns> };

function open(box: Sandbox, want: readonly Station[]): Built {
  const stations = new Stations();
  const places = new Map<string, TestNetns>();
  for (const { path } of want) {
    const netns = box.netns(path.replace("/", "-"));
    stations.add(path, new Netns(netns.path));
    places.set(path, netns);
  }
  return { stations, places };
}

function reaches(box: Sandbox, from: TestNetns | undefined, address: string): boolean {
  if (from === undefined) throw new RangeError("no such station");
  // The kernel finishes a new IPv6 address a moment after it was added: asked again until there is an answer.
  return box.run(from, ["ping", "-c", "1", "-i", "0.1", "-w", "20", address]).exitCode === 0;
}

describe("a lab's network", () => {
  const rows: readonly (readonly [LabFamily, Underlay])[] = [
    ["ipv4", "l2"],
    ["ipv6", "l2"],
    ["dual", "l2"],
    ["ipv4", "l3"],
    ["ipv6", "l3"],
    ["dual", "l3"],
  ];
  for (const [family, underlay] of rows) {
    test(`lets every station reach every other: ${family}, ${underlay}`, () => {
      using box = new Sandbox();
      const spec = lab(family, underlay);
      const want = wantFabric(spec);
      const { stations, places } = open(box, want);
      using _ = stations;
      applyFabric(want, stations);
      expect(applyFabric(want, stations).map(showOperation)).toEqual([]);
      const families = family === "dual" ? (["ipv4", "ipv6"] as const) : [family];
      const targets = [
        ...spec.nodes.flatMap((node) => nodeAddresses(spec, node)),
        ...families.flatMap((each) => [controlAddress[each], internetAddress[each], clientAddress[each]]),
      ];
      const unreached = ["nodes/node1", "control", "client"].flatMap((from) =>
        targets.filter((address) => !reaches(box, places.get(from), address)).map((address) => `${from} ${address}`),
      );
      expect(unreached).toEqual([]);
    });
  }

  test("is mended where something is missing, and nothing else is touched", () => {
    using box = new Sandbox();
    const spec = lab("ipv4", "l2");
    const want = wantFabric(spec);
    const { stations, places } = open(box, want);
    using _ = stations;
    applyFabric(want, stations);
    const node = places.get("nodes/node1");
    if (node === undefined) throw new RangeError("no such station");
    box.sh(node, ["ip", "link", "del", "eth0"]);
    stations.of("switch").connection.apply([addRoute({ dst: cidr("10.244.1.0/24"), gateway: ip("172.30.0.12") })]);
    expect(applyFabric(want, stations).map(showOperation)).toEqual([
      "switch: add link node1 to eth0 of nodes/node1",
      "switch: set link #101 up",
      "nodes/node1: set link #2 up",
      "nodes/node1: add address 172.30.0.11/24 to #2",
      "nodes/node1: add route 0.0.0.0/0 via 172.30.0.1",
      "nodes/node1: set neighbour 172.30.0.1 on #2",
      "nodes/node1: set neighbour 172.30.0.2 on #2",
    ]);
    expect(reaches(box, node, "172.30.0.12")).toBe(true);
  });

  test("is in use as soon as its own links are, whatever a node has made for itself", async () => {
    using box = new Sandbox();
    const want = wantFabric(lab("ipv4", "l2"));
    const { stations, places } = open(box, want);
    using _ = stations;
    applyFabric(want, stations);
    const node = places.get("nodes/node1");
    if (node === undefined) throw new RangeError("no such station");
    // As plugins leave it when the last pod goes: up, and without a carrier for good.
    for (const command of [
      "link add cni0 up type bridge",
      "link add gone up master cni0 type veth peer other",
      "link set other up",
      "link del gone",
    ]) {
      box.sh(node, ["ip", ...command.split(" ")]);
    }
    for (let looks = 0; looks < 1000; looks++) {
      if (box.sh(node, ["ip", "link", "show", "cni0"]).includes("state DOWN")) break;
      await Bun.sleep(20);
    }
    expect(box.sh(node, ["ip", "link", "show", "cni0"])).toContain("state DOWN");
    let waits = 0;
    await awaitCarrier(stations, want, async (ms) => {
      waits++;
      await Bun.sleep(ms);
    });
    // It gives up after so many.
    expect(waits).toBeLessThan(2000);
  });
});
