// Tracked connections in a real kernel, as conntrack(8) makes and sees them.
import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { Connection } from "./connection.ts";
import { type ConntrackMatch, forgetConnections, listConnections, removeTracked } from "./conntrack.ts";

/** Connections as a host port's translation makes them: to a node's address, answered by a pod. */
const made = [
  "-p udp -s 192.0.2.1 -d 10.0.0.1 --sport 4000 --dport 53 -r 10.244.0.5 -q 192.0.2.1 --reply-port-src 5353 --reply-port-dst 4000",
  "-p udp -s 192.0.2.2 -d 10.0.0.1 --sport 4001 --dport 80 -r 10.244.0.6 -q 192.0.2.2 --reply-port-src 80 --reply-port-dst 4001",
  "-p tcp -s 192.0.2.1 -d 10.0.0.1 --sport 4002 --dport 53 -r 10.244.0.5 -q 192.0.2.1 --reply-port-src 53 --reply-port-dst 4002 --state ESTABLISHED",
  "-p icmp -s 192.0.2.1 -d 10.0.0.1 --icmp-type 8 --icmp-code 0 --icmp-id 7",
  "-p udp -s fd00::1 -d fd00::2 --sport 4000 --dport 53",
];

function tracking(box: Sandbox): BoxNetns {
  const ns = box.netns("ct");
  for (const line of made) box.sh(ns, ["conntrack", "-I", ...line.split(" "), "-t", "600"]);
  return ns;
}

describe("tracked connections", () => {
  test("are listed with both directions", () => {
    using box = new Sandbox();
    using netns = new Netns(tracking(box).path);
    using netfilter = new Connection("netfilter", netns);
    const [udp] = listConnections(netfilter, "ipv4", { protocol: "udp", originalDstPort: 53 });
    expect(udp).toMatchObject({
      family: "ipv4",
      protocol: "udp",
      original: { src: "192.0.2.1", dst: "10.0.0.1", srcPort: 4000, dstPort: 53 },
      reply: { src: "10.244.0.5", dst: "192.0.2.1", srcPort: 5353, dstPort: 4000 },
    });
    const [icmp] = listConnections(netfilter, "ipv4", { protocol: "icmp" });
    expect(icmp?.original).toEqual({ src: ip("192.0.2.1"), dst: ip("10.0.0.1") });
    expect(listConnections(netfilter, "ipv6").map(({ original }) => original.dst)).toEqual([ip("fd00::2")]);
  });

  const rows: readonly (readonly [ConntrackMatch, left: readonly string[]])[] = [
    [{ protocol: "udp", originalDstPort: 53 }, ["icmp undefined", "tcp 53", "udp 80"]],
    [{ protocol: "udp", originalDst: ip("10.0.0.1") }, ["icmp undefined", "tcp 53"]],
    [{ replySrc: ip("10.244.0.5") }, ["icmp undefined", "udp 80"]],
    [{ address: ip("192.0.2.2") }, ["icmp undefined", "tcp 53", "udp 53"]],
    [{ protocol: "icmp" }, ["tcp 53", "udp 53", "udp 80"]],
    [{ protocol: "sctp" }, ["icmp undefined", "tcp 53", "udp 53", "udp 80"]],
    [{}, []],
  ];
  for (const [match, left] of rows) {
    test(`forgetConnections(${JSON.stringify(match)}) leaves ${left.join(", ") || "none"}`, () => {
      using box = new Sandbox();
      const ns = tracking(box);
      using netns = new Netns(ns.path);
      using netfilter = new Connection("netfilter", netns);
      expect(forgetConnections(netfilter, "ipv4", match)).toEqual([]);
      const found = listConnections(netfilter, "ipv4");
      expect(found.map(({ protocol, original }) => `${protocol} ${original.dstPort}`).sort()).toEqual([...left]);
      const shown = box.sh(ns, ["conntrack", "-L", "-f", "ipv4"]);
      expect(shown.trim().split("\n").filter(Boolean)).toHaveLength(left.length);
      expect(listConnections(netfilter, "ipv6")).toHaveLength(1);
    });
  }

  test("are removed twice without an error, also of IPv6", () => {
    using box = new Sandbox();
    using netns = new Netns(tracking(box).path);
    using netfilter = new Connection("netfilter", netns);
    const requests = (["ipv4", "ipv6"] as const).flatMap((family) =>
      listConnections(netfilter, family).map(removeTracked),
    );
    expect(requests.map(({ text }) => text)).toContain(
      "remove tracked connection udp fd00::1 port 4000 to fd00::2 port 53",
    );
    netfilter.apply(requests);
    netfilter.apply(requests);
    expect(listConnections(netfilter, "ipv4")).toEqual([]);
    expect(listConnections(netfilter, "ipv6")).toEqual([]);
  });
});
