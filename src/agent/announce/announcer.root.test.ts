// Who answers for a balancer's address on a link, and how fast others learn of it.

import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { Connection } from "#netlink/connection.ts";
import { findLink } from "#netlink/link.ts";
import { Sandbox } from "#test/sandbox.ts";
import { makeWorld } from "#test/traffic.ts";
import { Announcer } from "./announcer.ts";

const addresses = [ip("192.0.2.50"), ip("fd02::50")];

describe("Announcer", () => {
  test("answers for addresses that are nobody's, tells who knew another place, and stops", async () => {
    using box = new Sandbox();
    const { node, outside } = makeWorld(box);
    using stack = new DisposableStack();
    const netns = stack.use(new Netns(node.path));
    const connection = stack.use(new Connection("route", netns));
    const log: string[] = [];
    const announcer = stack.use(new Announcer({ connection, netns, log: (line) => log.push(line) }));
    const link = findLink(connection, "vout");
    const device = {
      ifindex: link?.index ?? 0,
      name: "vout",
      addresses: [],
      isDefault: false,
      isOwn: false,
      isEthernet: true,
    };
    const place = (address: string) => {
      const [entry] = JSON.parse(box.sh(outside, ["ip", "-j", "neigh", "show", address])) as { lladdr?: string }[];
      return entry?.lladdr;
    };
    for (const address of addresses) {
      box.sh(outside, ["ip", "neigh", "add", address, "lladdr", "02:00:00:00:00:99", "dev", "eth0", "nud", "stale"]);
    }
    announcer.ensure(addresses, [device]);
    for (let waitedMs = 0; waitedMs < 30_000 && addresses.some((each) => place(each) !== link?.mac); waitedMs += 20) {
      await Bun.sleep(20);
    }
    expect(addresses.map(place)).toEqual([link?.mac, link?.mac]);
    box.sh(outside, ["ip", "neigh", "flush", "all"]);
    // Nobody answers to the pings themselves.
    const isAsked = (address: string) => {
      box.run(outside, ["ping", "-c", "1", "-W", "0.3", address]);
      return place(address) === link?.mac;
    };
    for (let round = 0; round < 30 && !addresses.every(isAsked); round++);
    expect(addresses.map(place)).toEqual([link?.mac, link?.mac]);
    expect(log).toEqual(addresses.map((address) => `announce: ${address} is here, #${link?.index}`));
    log.length = 0;
    announcer.ensure(addresses, [device]);
    expect(log).toEqual([]);
    // Somebody takes them away.
    box.sh(node, ["ip", "neigh", "del", "proxy", "192.0.2.50", "dev", "vout"]);
    announcer.ensure(addresses, [device]);
    expect(log.length).toBe(1);
    announcer.ensure([], [device]);
    box.sh(outside, ["ip", "neigh", "flush", "all"]);
    for (const address of addresses) box.run(outside, ["ping", "-c", "1", "-W", "0.2", address]);
    expect(addresses.map(place)).toEqual([undefined, undefined]);
    expect(box.sh(node, ["ip", "route", "show", "dev", "twill-outer"]).trim()).toBe("");
  });
});
