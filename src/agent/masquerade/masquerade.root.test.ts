// Whom the world sees: the node for its pods, the pods themselves inside of the cluster; and a table that comes back.

import { describe, expect, test } from "bun:test";
import { cidr } from "#net/cidr.ts";
import { testHost } from "#test/host.ts";
import { Sandbox } from "#test/sandbox.ts";
import { Masquerade, type MasqueradeWant, masqueradeTable, masqueradeText } from "./masquerade.ts";

const want: MasqueradeWant = {
  pods: [cidr("10.244.1.0/24"), cidr("fd00:10:244:1::/64")],
  except: [cidr("10.244.0.0/16"), cidr("172.30.0.0/24"), cidr("fd00:10:244::/56")],
  ownDevices: ["twill-vxlan"],
};

test("masqueradeText() says it in one table", () => {
  expect(masqueradeText(want).split("\n").slice(3, -3)).toEqual([
    "  chain postrouting {",
    "    type nat hook postrouting priority srcnat; policy accept;",
    '    oifname "twill-vxlan" return',
    "    ip saddr { 10.244.1.0/24 } ip daddr != { 10.244.0.0/16, 172.30.0.0/24, 224.0.0.0/4 } masquerade fully-random",
    "    ip6 saddr { fd00:10:244:1::/64 } ip6 daddr != { fd00:10:244::/56, ff00::/8 } masquerade fully-random",
  ]);
});

describe("Masquerade", () => {
  test("shows the world the node, and the cluster the pod", async () => {
    using box = new Sandbox();
    const [node, world] = [box.netns("node"), box.netns("world")];
    const setUp = [
      [node, `link add eth0 up type veth peer name eth0 netns ${world.name}`],
      [node, "addr add 172.30.0.11/24 dev eth0"],
      [node, "addr add 10.244.1.5/32 dev lo"],
      [world, "addr add 172.30.0.1/24 dev eth0"],
      [world, "addr add 203.0.113.10/32 dev lo"],
      [world, "link set eth0 up"],
      [world, "route add 10.244.1.0/24 via 172.30.0.11"],
      [node, "route add 203.0.113.10 via 172.30.0.1"],
    ] as const;
    for (const [netns, command] of setUp) box.sh(netns, ["ip", ...command.split(" ")]);
    using host = testHost(box, node);
    const masquerade = new Masquerade(host);
    expect(masquerade.ensure(want)).toBe(true);
    const seenBy = async (address: string) => {
      const server = box.start(world, ["tcpdump", "-l", "-n", "-i", "eth0", "-c", "1", "icmp[icmptype] == icmp-echo"]);
      for (let wait = 0; wait < 1500 && !server.output().includes("listening on"); wait++) await Bun.sleep(20);
      box.run(node, ["ping", "-c", "1", "-W", "10", "-I", "10.244.1.5", address]);
      await server.exited;
      return / IP (\S+) > /.exec(server.output())?.[1];
    };
    expect(await seenBy("203.0.113.10")).toBe("172.30.0.11");
    expect(await seenBy("172.30.0.1")).toBe("10.244.1.5");
  });

  test("writes its table again when it differs or is gone, and only then", () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const masquerade = new Masquerade(host);
    expect([masquerade.ensure(want), masquerade.ensure(want)]).toEqual([true, false]);
    box.sh(node, ["nft", "flush", "chain", "inet", masqueradeTable, "postrouting"]);
    expect([masquerade.ensure(want), masquerade.ensure(want)]).toEqual([true, false]);
    box.sh(node, ["nft", "add", "rule", "inet", masqueradeTable, "postrouting", "drop"]);
    expect([masquerade.ensure(want), masquerade.ensure(want)]).toEqual([true, false]);
    const { stdout } = box.run(node, ["nft", "-a", "list", "table", "inet", masqueradeTable]);
    const [, handle = ""] = /return # handle (\d+)/.exec(stdout) ?? [];
    // As many rules as before, but another.
    box.sh(node, ["nft", "replace", "rule", "inet", masqueradeTable, "postrouting", "handle", handle, "accept"]);
    expect([masquerade.ensure(want), masquerade.ensure(want)]).toEqual([true, false]);
    // Others' tables are no matter of this one.
    box.sh(node, ["nft", "add", "table", "ip", "foreign"]);
    expect(masquerade.ensure(want)).toBe(false);
    box.sh(node, ["nft", "delete", "table", "ip", "foreign"]);
    box.sh(node, ["nft", "delete", "table", "inet", masqueradeTable]);
    expect(masquerade.ensure(want)).toBe(true);
    expect(masquerade.ensure({ ...want, ownDevices: [] })).toBe(true);
    masquerade.remove();
    expect(box.sh(node, ["nft", "list", "tables"]).trim()).toBe("");
  });
});
