// The firewall's isolation within a bridge, on a kernel that has nftables for bridges: no br_netfilter needed.

import { expect, test } from "bun:test";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { Sandbox } from "#test/sandbox.ts";
import { addBridge, addPod, ask, askBriefly, makeWorld, podResult, startEcho } from "#test/traffic.ts";
import { firewall } from "./plugin.ts";

test("firewall: ingressPolicy isolated holds between ports of one bridge without br_netfilter", async () => {
  using box = new Sandbox();
  const around = makeWorld(box);
  const { node, outside } = around;
  box.run(node, ["sh", "-c", "for f in /proc/sys/net/bridge/bridge-nf-call-*; do echo 0 > $f; done"]);
  addBridge(box, around, "br1", 1);
  const [a, b] = [addPod(box, around, "br1", 1, 5), addPod(box, around, "br1", 1, 6)];
  box.sh(outside, ["ip", "route", "add", "10.0.0.0/8", "via", "192.0.2.1"]);
  using host = testHost(box, node);
  const options = { plugin: firewall, host, netns: b.path };
  const conf = { ingressPolicy: "isolated", prevResult: podResult(b, "br1", 1, 6) };
  await startEcho(box, b, { port: 80, name: "b" });
  expect(ask(box, a, "10.1.0.6", 80)).toStartWith("b ");
  const attachment = new TestAttachment({ ...options, conf });
  await attachment.add();
  await attachment.check();
  expect(askBriefly(box, a, "10.1.0.6", 80)).toBe("");
  expect(askBriefly(box, a, "fd01::6", 80)).toBe("");
  expect(ask(box, outside, "10.1.0.6", 80)).toStartWith("b ");
  box.sh(node, ["nft", "delete element bridge twill_firewall isolated { br1 }"]);
  await expect(attachment.check()).rejects.toThrow(
    "element br1 of isolated in nftables table bridge twill_firewall is missing",
  );
  await attachment.add();
  await attachment.del();
  expect(ask(box, a, "10.1.0.6", 80)).toStartWith("b ");
  expect(box.sh(node, ["nft", "list", "ruleset"])).not.toContain("elements");
}, 180_000);
