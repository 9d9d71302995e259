// The largest packet of a pod, by the links that have the node's addresses.

import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { Connection } from "#netlink/connection.ts";
import { Sandbox } from "#test/sandbox.ts";
import type { AgentConfig } from "./config/config.ts";
import { computePodMtu } from "./pod-mtu.ts";

const both = { ipv4: ip("172.30.0.11"), ipv6: ip("fd00:30::11") };
const { ipv4, ipv6 } = both;

type Mode = AgentConfig["fabric"]["mode"];

describe("computePodMtu()", () => {
  const rows: readonly (readonly [
    mode: Mode,
    addresses: Partial<typeof both>,
    mtu: number | undefined,
    size: number,
  ])[] = [
    ["direct", both, undefined, 1600],
    ["auto", { ipv4 }, undefined, 1550],
    ["vxlan", { ipv6 }, undefined, 1530],
    ["vxlan", both, undefined, 1530],
    ["vxlan", both, 1400, 1400],
    // Nobody has it: what Ethernet carries.
    ["direct", { ipv4: ip("172.30.0.99") }, undefined, 1500],
  ];
  for (const [mode, addresses, mtu, size] of rows) {
    const asked = mtu === undefined ? "" : `, told ${mtu},`;
    test(`is ${size} with fabric ${mode} and ${Object.values(addresses).join(" and ")}${asked} also beside the overlay`, () => {
      using box = new Sandbox();
      const node = box.netns("node");
      const run = (command: string) => box.sh(node, ["ip", ...command.split(" ")]);
      run("link add eth0 mtu 1600 type veth peer other");
      for (const own of ["172.30.0.11/24", "fd00:30::11/64"]) run(`address add ${own} dev eth0`);
      using inside = new Netns(node.path);
      using connection = new Connection("route", inside);
      const config = { mode, mtu };
      expect(computePodMtu(connection, addresses, config)).toBe(size);
      run("link add twill-vxlan mtu 1530 type vxlan external dstport 8472");
      for (const own of ["172.30.0.11/32", "fd00:30::11/128"]) run(`address add ${own} dev twill-vxlan`);
      expect(computePodMtu(connection, addresses, config)).toBe(size);
    });
  }
});
