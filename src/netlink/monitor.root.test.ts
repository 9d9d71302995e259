// Events of a real kernel, caused by iproute2 in a namespace of the test's own.
import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { Sandbox } from "#test/sandbox.ts";
import { until } from "#test/until.ts";
import type { LinkFilter } from "./event-filter.ts";
import { Monitor, type NetworkEvent } from "./monitor.ts";

const topics = ["link", "address", "route", "neighbour"] as const;

/** One line an event: `set link v0`. */
function show(event: NetworkEvent): string {
  switch (event.kind) {
    case "link":
      return `${event.change} link ${event.link.name}`;
    case "address":
      return `${event.change} address ${event.address.address}`;
    case "route":
      return `${event.change} route ${event.route.dst} table ${event.route.table}`;
    case "neighbour":
      return `${event.change} neighbour ${event.neighbour.address} ${event.neighbour.state}`;
    case "fdb":
      return `${event.change} fdb ${event.entry.mac} ${event.entry.table}`;
    default:
      return event.kind;
  }
}

/** Netlink sockets of a namespace, whoever has them: only these tests have any there. */
function countSockets(box: Sandbox, ns: ReturnType<Sandbox["netns"]>): number {
  return box.sh(ns, ["cat", "/proc/net/netlink"]).split("\n").length;
}

describe("Monitor", () => {
  test("tells what iproute2 does", async () => {
    using box = new Sandbox();
    const ns = box.netns("mon");
    using netns = new Netns(ns.path);
    const seen: string[] = [];
    using _ = await Monitor.open({ topics, netns, onEvent: (event) => seen.push(show(event)) });
    const commands = [
      "link add br0 type bridge",
      "link add v0 type veth peer name v1",
      "link set v1 master br0",
      "link set v0 up",
      "link set v1 up",
      "address add 10.0.0.1/24 dev v0",
      "route add 10.1.0.0/16 via 10.0.0.2 table 100",
      "neigh add 10.0.0.2 lladdr 02:00:00:00:00:02 dev v0 nud permanent",
      "route del 10.1.0.0/16 table 100",
      "neigh del 10.0.0.2 dev v0",
      "link set v1 nomaster",
      "address del 10.0.0.1/24 dev v0",
      "link del v0",
    ];
    for (const command of commands) box.sh(ns, ["ip", ...command.split(" ")]);
    // Both ends go, in either order.
    await until(() => seen.includes("removed link v0") && seen.includes("removed link v1"));
    const wanted = [
      "set link br0",
      "set link v0",
      "set address 10.0.0.1/24",
      "set route 10.1.0.0/16 table 100",
      "set neighbour 10.0.0.2 permanent",
      "removed route 10.1.0.0/16 table 100",
      // The kernel lets it fail first.
      "removed neighbour 10.0.0.2 failed",
      "removed address 10.0.0.1/24",
      "removed link v0",
    ];
    expect(wanted.filter((line) => !seen.includes(line))).toEqual([]);
    const order = wanted.map((line) => seen.indexOf(line));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(seen.some((line) => line.startsWith("set fdb "))).toBe(true);
    // Leaving the bridge was no end of the link.
    expect(seen.filter((line) => line === "removed link v1")).toHaveLength(1);
    expect(seen).not.toContain("resync");
  });

  test("tells of the links that it is to hear of", async () => {
    using box = new Sandbox();
    const ns = box.netns("mon");
    using netns = new Netns(ns.path);
    const only: string[] = [];
    const except: string[] = [];
    const upper = 0x7200;
    const open = (links: LinkFilter, seen: string[]) =>
      Monitor.open({ topics, links, netns, onEvent: (event) => seen.push(show(event)) });
    using _only = await open({ only: upper }, only);
    using _except = await open({ except: upper }, except);
    for (const [name, index, net] of [
      ["in0", 0x7200_0005, "10.1.0"],
      ["out0", 0x1_7200, "10.2.0"],
      ["in1", 0x7200_ffff, "10.3.0"],
    ] as const) {
      box.sh(ns, `ip link add ${name} index ${index} type bridge`.split(" "));
      box.sh(ns, `ip link set ${name} up`.split(" "));
      box.sh(ns, `ip address add ${net}.1/32 dev ${name}`.split(" "));
      box.sh(ns, `ip route add ${net}.2/32 dev ${name}`.split(" "));
      box.sh(ns, `ip neigh add ${net}.2 lladdr 02:00:00:00:00:02 dev ${name} nud permanent`.split(" "));
    }
    box.sh(ns, "ip route add blackhole 10.4.0.0/16".split(" "));
    box.sh(ns, "ip link del out0".split(" "));
    box.sh(ns, "ip link del in1".split(" "));
    box.sh(ns, "ip address add 10.9.0.1/32 dev lo".split(" "));
    const last = "set address 10.9.0.1/32";
    await until(() => only.includes(last) && except.includes(last));
    // IPv6 has addresses of its own, the kernel routes, bridges ports; how neighbours go is up to chance.
    const told = (seen: readonly string[]) =>
      new Set(seen.filter((line) => !/::| table 255|fdb|removed neighbour/.test(line)));
    const inside = (name: string, net: string) => [
      `set link ${name}`,
      `set route ${net}.2/32 table 254`,
      `set neighbour ${net}.2 permanent`,
    ];
    expect(told(only)).toEqual(
      new Set([
        ...inside("in0", "10.1.0"),
        ...inside("in1", "10.3.0"),
        "set route 10.2.0.2/32 table 254",
        ...["set address 10.1.0.1/32", "set address 10.2.0.1/32", "set address 10.3.0.1/32", last],
        ...["removed address 10.2.0.1/32", "removed address 10.3.0.1/32"],
        "removed link in1",
      ]),
    );
    expect(told(except)).toEqual(
      new Set([
        ...inside("out0", "10.2.0"),
        ...["set address 10.2.0.1/32", "set route 10.4.0.0/16 table 254", last],
        ...["removed address 10.2.0.1/32", "removed link out0"],
      ]),
    );
  });

  test("tells only of its topics and its namespace", async () => {
    using box = new Sandbox();
    const [ns, other] = [box.netns("mon"), box.netns("other")];
    using netns = new Netns(ns.path);
    const seen: string[] = [];
    using _ = await Monitor.open({ topics: ["address"], netns, onEvent: (event) => seen.push(show(event)) });
    box.sh(other, "ip address add 10.0.0.9/32 dev lo".split(" "));
    box.sh(ns, "ip address add 10.0.0.1/32 dev lo".split(" "));
    await until(() => seen.length > 0);
    expect(seen).toEqual(["set address 10.0.0.1/32"]);
  });

  test("asks for a resync after an overrun, and goes on", async () => {
    using box = new Sandbox();
    const ns = box.netns("mon");
    using netns = new Netns(ns.path);
    const seen: string[] = [];
    const onEvent = (event: NetworkEvent) => seen.push(show(event));
    using _ = await Monitor.open({ topics: ["address"], netns, onEvent, bufferBytes: 4096 });
    const many = Array.from({ length: 200 }, (_, i) => `address add 10.0.1.${i}/32 dev lo`).join("\n");
    // The event loop stands still while the command runs.
    box.sh(ns, ["ip", "-batch", "-"], { stdin: many });
    await until(() => seen.includes("resync"));
    expect(seen.filter((line) => line === "resync")).toHaveLength(1);
    expect(seen.length).toBeLessThan(200);
    box.sh(ns, "ip address add 10.0.0.1/32 dev lo".split(" "));
    await until(() => seen.includes("set address 10.0.0.1/32"));
    expect(seen.at(-1)).toBe("set address 10.0.0.1/32");
  });

  test("gives its socket back and is silent after its end", async () => {
    using box = new Sandbox();
    const ns = box.netns("mon");
    using netns = new Netns(ns.path);
    const before = countSockets(box, ns);
    const seen: NetworkEvent[] = [];
    for (let i = 0; i < 5; i++) {
      const monitor = await Monitor.open({ topics, netns, onEvent: (event) => seen.push(event) });
      box.sh(ns, `ip address add 10.0.0.${i}/32 dev lo`.split(" "));
      monitor[Symbol.dispose]();
    }
    // The event loop closes them when it likes.
    for (let waitedMs = 0; countSockets(box, ns) > before && waitedMs < 20_000; waitedMs += 20) await Bun.sleep(20);
    expect(countSockets(box, ns)).toBe(before);
    expect(seen).toEqual([]);
  });
});
