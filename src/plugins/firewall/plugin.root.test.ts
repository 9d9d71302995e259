// The firewall in a real kernel: policies by real packets, owners and what each verb may touch by nft(8).

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Host } from "#plugins/host.ts";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { addBridge, addPod, ask, askBriefly, makeWorld, podResult, startEcho } from "#test/traffic.ts";
import { firewall } from "./plugin.ts";

function attach(host: Host, pod: Netns, bridge: string, net: number, number: number, conf: JsonObject = {}) {
  const prevResult = podResult(pod, bridge, net, number);
  const containerId = `pod${net}x${number}`;
  return new TestAttachment({
    ...{ plugin: firewall, host, netns: pod.path, containerId },
    conf: { name: bridge, prevResult, ...conf },
  });
}

function ruleset(box: Sandbox, node: Netns): string {
  return box.sh(node, ["nft", "list", "ruleset"]);
}

type Reach = Readonly<Record<"sameBridge" | "sameBridge6" | "otherBridge" | "outside" | "fromOutside", boolean>>;

/** Two bridges: two pods on the first, one on the second, and which of the pod's packets arrive. */
async function world(box: Sandbox, conf: JsonObject) {
  const around = makeWorld(box);
  const { node, outside } = around;
  addBridge(box, around, "br1", 1);
  addBridge(box, around, "br2", 2);
  const [a, b, c] = [
    addPod(box, around, "br1", 1, 5),
    addPod(box, around, "br1", 1, 6),
    addPod(box, around, "br2", 2, 5),
  ];
  box.sh(outside, ["ip", "route", "add", "10.0.0.0/8", "via", "192.0.2.1"]);
  const host = testHost(box, node);
  const attachments = [
    attach(host, a, "br1", 1, 5, conf),
    attach(host, b, "br1", 1, 6, conf),
    attach(host, c, "br2", 2, 5, conf),
  ];
  for (const attachment of attachments) await attachment.add();
  await startEcho(box, b, { port: 80, name: "b" });
  await startEcho(box, c, { port: 80, name: "c" });
  await startEcho(box, outside, { port: 80, name: "out" });
  // Who is expected to answer is given time.
  const answers = (expected: boolean, from: Netns, address: string) =>
    (expected ? ask : askBriefly)(box, from, address, 80) !== "";
  const reach = (expected: Reach) => ({
    sameBridge: answers(expected.sameBridge, a, "10.1.0.6"),
    sameBridge6: answers(expected.sameBridge6, a, "fd01::6"),
    otherBridge: answers(expected.otherBridge, a, "10.2.0.5"),
    outside: answers(expected.outside, a, "192.0.2.2"),
    fromOutside: answers(expected.fromOutside, outside, "10.1.0.6"),
  });
  return { node, host, attachments, reach };
}

describe("firewall", () => {
  const everywhere = { sameBridge: true, sameBridge6: true, otherBridge: true, outside: true, fromOutside: true };
  const rows = [
    { policy: "open", reach: everywhere },
    { policy: "same-bridge", reach: { ...everywhere, otherBridge: false } },
    { policy: "isolated", reach: { ...everywhere, sameBridge: false, sameBridge6: false, otherBridge: false } },
  ];
  for (const { policy, reach } of rows) {
    test(`packets under ingressPolicy ${policy}, which goes with the last container`, async () => {
      using box = new Sandbox();
      const made = await world(box, { ingressPolicy: policy });
      using _host = made.host;
      expect(made.reach(reach)).toEqual(reach);
      for (const attachment of made.attachments) await attachment.check();
      for (const attachment of made.attachments) await attachment.del();
      expect(ruleset(box, made.node)).not.toContain("elements");
      expect(made.reach(everywhere).otherBridge).toBe(true);
    });
  }

  test("ADD answers with the previous result, and again changes nothing", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const attachment = attach(host, node, "br1", 1, 5, { ingressPolicy: "isolated" });
    const result = await attachment.add();
    expect(result as object).toEqual(podResult(node, "br1", 1, 5));
    const before = ruleset(box, node);
    await attachment.add();
    expect(ruleset(box, node)).toBe(before);
  });

  test("isolation is refused where neither the bridge's own table nor br_netfilter can keep it, and nothing stays", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const netfilter = "/proc/sys/net/bridge/bridge-nf-call-ip6tables";
    box.run(node, ["sh", "-c", `echo 0 > ${netfilter}`]);
    if (
      box.run(node, ["nft", "add table bridge t; add chain bridge t c { type filter hook forward priority 0; }"])
        .exitCode === 0
    )
      return;
    await expect(attach(host, node, "br1", 1, 5, { ingressPolicy: "isolated" }).add()).rejects.toThrow(
      'ingressPolicy "isolated" cannot be kept: this kernel has no nftables for bridges, and net.bridge.bridge-nf-call-',
    );
    expect(ruleset(box, node)).not.toContain("elements");
    expect(host.ledger.list("br1", "firewall")).toEqual([]);
  });

  test("DEL without prevResult removes everything, and twice is once", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const attachment = attach(host, node, "br1", 1, 5, { ingressPolicy: "isolated" });
    await attachment.add();
    const conf = { name: "br1" };
    const bare = new TestAttachment({ plugin: firewall, host, conf, netns: "", containerId: "pod1x5" });
    await bare.del();
    await bare.del();
    expect(ruleset(box, node)).not.toContain("elements");
  });

  test("a policy stays while another container of the network is there, and while another network shares its bridge", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const policy = { ingressPolicy: "same-bridge" };
    const [first, second] = [attach(host, node, "br1", 1, 5, policy), attach(host, node, "br1", 1, 6, policy)];
    const other = attach(host, node, "br1", 1, 7, { ...policy, name: "other" });
    await first.add();
    await second.add();
    await first.del();
    await second.check();
    await other.add();
    await second.del();
    await other.check();
  });

  test("an address given out again stays let through when its former owner is deleted late", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const first = attach(host, node, "br1", 1, 5);
    const heir = new TestAttachment({
      ...{ plugin: firewall, host, netns: node.path, containerId: "heir" },
      conf: { name: "br1", prevResult: podResult(node, "br1", 1, 5) },
    });
    await first.add();
    await heir.add();
    await first.del();
    await heir.check();
  });

  test("GC removes what containers that are gone had let through", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const [gone, alive] = [attach(host, node, "br1", 1, 5), attach(host, node, "br1", 1, 6)];
    await gone.add();
    await alive.add();
    await alive.gc([{ containerID: "pod1x6", ifname: "eth0" }]);
    expect(ruleset(box, node)).not.toContain("10.1.0.5");
    await alive.check();
  });

  test("CHECK finds what is missing, and changes nothing", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const attachment = attach(host, node, "br1", 1, 5, { ingressPolicy: "isolated" });
    await attachment.add();
    const nft = (command: string) => box.sh(node, ["nft", command]);
    nft("delete element inet twill_firewall pods4 { 10.1.0.5 }");
    nft("flush chain inet twill_firewall isolation");
    const before = ruleset(box, node);
    await expect(attachment.check()).rejects.toThrow(
      "CHECK failed: element 10.1.0.5 of pods4 in nftables table inet twill_firewall is missing; " +
        "chain isolation of nftables table inet twill_firewall has 0 rules, not 2",
    );
    expect(ruleset(box, node)).toBe(before);
  });

  test("the administrator's chain is asked before pods are let through, and survives", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    await attach(host, node, "br1", 1, 5).add();
    box.sh(node, ["nft", "add rule inet twill_firewall admin ip daddr 192.0.2.9 drop"]);
    await attach(host, node, "br2", 2, 5, { ingressPolicy: "isolated" }).add();
    expect(ruleset(box, node)).toContain("ip daddr 192.0.2.9 drop");
  });

  test("the rules are the same with 1 and with 200 other containers: only sets grow", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const rules = () => ruleset(box, node).replaceAll(/elements = \{[^}]*\}|\s/g, "");
    const conf = { ingressPolicy: "same-bridge" };
    await attach(host, node, "br1", 1, 5, conf).add();
    const before = rules();
    for (let i = 0; i < 200; i++) await attach(host, node, `br${i % 9}`, i % 9, i, conf).add();
    expect(rules()).toBe(before);
  });

  test("STATUS answers that packets can be filtered", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    await attach(host, node, "br1", 1, 5).status();
    expect(ruleset(box, node)).toBe("");
  });
});
