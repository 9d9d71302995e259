// CHECK of a bridge attachment: every single thing that ADD made, damaged one at a time; and nothing is changed by looking.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { HostLocal } from "#test/ipam.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { waitUntilSettled } from "#test/settled.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { bridge } from "./plugin.ts";

type At = {
  readonly box: Sandbox;
  readonly node: Netns;
  readonly pod: Netns;
  readonly attachment: TestAttachment;
  /** Name of the node's end. */
  readonly port: string;
};

async function attached(conf: JsonObject, use: (at: At) => Promise<void>): Promise<void> {
  using box = new Sandbox();
  const [node, pod] = [box.netns("node"), box.netns("pod")];
  using host = testHost(box, node);
  const attachment = new TestAttachment({ plugin: bridge, host, conf: { bridge: "br0", ...conf }, netns: pod.path });
  const { interfaces = [] } = await attachment.add();
  await use({ box, node, pod, attachment, port: interfaces[1]?.name ?? "" });
}

/** All that `ip` and `nft` tell of node and container. */
function state({ box, node, pod }: At): string {
  for (const ns of [node, pod]) waitUntilSettled(box, ns);
  const commands = ["ip -d link", "ip address", "ip route show table all", "ip -6 route show table all"];
  const seen = [node, pod].flatMap((ns) => commands.map((command) => box.sh(ns, command.split(" "))));
  // Timers count on their own.
  return [...seen, box.sh(node, ["nft", "list", "ruleset"])].join("\n").replaceAll(/(\w+_timer|expires) *\S+/g, "");
}

const whole = {
  isDefaultGateway: true,
  ipMasq: true,
  mtu: 1400,
  promiscMode: true,
  portIsolation: true,
  macspoofchk: true,
} as const;

const damages: readonly (readonly [command: string, message: string])[] = [
  ["ip link set br0 down", "bridge br0 is down"],
  ["ip link set br0 promisc off", "br0 is not promiscuous"],
  ["ip link set br0 address 02:00:00:00:00:77", "br0 has hardware address 02:00:00:00:00:77"],
  ["ip address del 10.7.0.1/24 dev br0", "br0 has no address 10.7.0.1/24"],
  ["ip address del fd07::1/64 dev br0", "br0 has no address fd07::1/64"],
  ["ip link set PORT nomaster", "is not a port of bridge br0"],
  ["ip link set PORT mtu 1300", "has an MTU of 1300, not 1400"],
  ["ip link set PORT type bridge_slave isolated off", "is not isolated"],
  ["ip link set PORT down", "is down"],
  ["nft delete table inet twill_masquerade", "twill_masquerade"],
  ["nft delete table bridge twill_macspoof", "twill_macspoof"],
  ["sysctl -qw net.ipv4.ip_forward=0", "net.ipv4.ip_forward is 0"],
  ["sysctl -qw net.ipv6.conf.all.forwarding=0", "net.ipv6.conf.all.forwarding is 0"],
];
const damagesInside: readonly (readonly [command: string, message: string])[] = [
  ["ip link set eth0 down", "eth0 is down"],
  ["ip link set eth0 mtu 1300", "eth0 has an MTU of 1300, not 1400"],
  ["ip link set eth0 address 02:00:00:00:00:77", "eth0 has hardware address 02:00:00:00:00:77"],
  ["ip address del 10.7.0.2/24 dev eth0", "eth0 has no address 10.7.0.2/24"],
  ["ip address del fd07::2/64 dev eth0", "eth0 has no address fd07::2/64"],
  ["ip route del default", "there is no route default via 10.7.0.1"],
  ["ip -6 route del default", "there is no route default via fd07::1"],
  ["ip link del eth0", "eth0 is not in network namespace"],
];

describe("CHECK of bridge", () => {
  for (const where of ["node", "pod"] as const) {
    for (const [command, message] of where === "node" ? damages : damagesInside) {
      test(`fails after ${command} in the ${where}'s namespace`, async () => {
        using scratch = new Sandbox();
        await attached({ ...whole, ...new HostLocal(scratch).conf }, async ({ box, port, attachment, ...at }) => {
          box.sh(at[where], command.replace("PORT", port).split(" "));
          const error = await cniErrorOfAsync(() => attachment.check());
          expect(error.message).toContain(message);
          expect(error.message).toStartWith("CHECK failed: ");
        });
      });
    }
  }

  test("succeeds as long as nothing is amiss, and changes nothing", async () => {
    using scratch = new Sandbox();
    await attached({ ...whole, ...new HostLocal(scratch).conf }, async (at) => {
      const before = state(at);
      for (const _ of [1, 2]) await at.attachment.check();
      expect(state(at)).toBe(before);
    });
  });

  test("a container whose interface was left down is as it should be", async () => {
    await attached({ disableContainerInterface: true }, async ({ box, pod, attachment }) => {
      expect(box.sh(pod, ["ip", "link", "show", "eth0"])).toContain("state DOWN");
      await attachment.check();
    });
  });
});
