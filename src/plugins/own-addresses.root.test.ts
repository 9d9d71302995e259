// Containers of every kind of interface: their addresses are of use when ADD answers, also while the kernel is busy with other links.

import { expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Plugin } from "#cni/plugin.ts";
import { Netns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { Connection } from "#netlink/connection.ts";
import { isOwnAddress } from "#netlink/route-to.ts";
import { withAttached } from "#test/attached.ts";
import { bridge } from "./bridge/plugin.ts";
import type { Host } from "./host.ts";
import { macvlan } from "./macvlan/plugin.ts";
import { ptp } from "./ptp/plugin.ts";

const containers = 6;
const ipam = { type: "static", addresses: [{ address: "fd07::2/64", gateway: "fd07::1" }] };

const rows: readonly (readonly [plugin: Plugin<Host>, conf: JsonObject])[] = [
  [bridge, { bridge: "br0" }],
  [macvlan, { master: "parent" }],
  [ptp, {}],
];
for (const [plugin, conf] of rows) {
  test(`${plugin.name}: packets reach the container as soon as ADD answers, though links come and go meanwhile`, async () => {
    await withAttached(
      {
        plugin,
        setUp(box, node) {
          box.sh(node, "ip link add parent up type veth peer name far".split(" "));
          return { cniVersion: "1.0.0", ipam, ...conf };
        },
      },
      async ({ box, attach }) => {
        const busy = box.netns("busy");
        const churn = "while :; do ip link add a type veth peer name b; ip link del a; done";
        for (let count = 0; count < 3; count++) box.start(busy, ["sh", "-c", churn]);
        for (let number = 0; number < containers; number++) {
          const { path } = box.netns(`c${number}`);
          using netns = new Netns(path);
          using route = new Connection("route", netns);
          await attach({ containerId: `c${number}`, netns: path }).add();
          // Before any other program has started, which takes as long as the kernel mostly needs.
          expect([number, isOwnAddress(route, ip("fd07::2"))]).toEqual([number, true]);
        }
      },
    );
  });
}
