// Tests masquerading with real packets from a pod through a node to a server outside.

import { describe, expect, test } from "bun:test";
import { type IfAddr, ifAddr } from "#net/cidr.ts";
import { testHost } from "#test/host.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { skipDuplicateChecks, waitUntilSettled } from "#test/settled.ts";
import { ask, forward, join, startEcho } from "#test/traffic.ts";
import type { Owner } from "./ledger.ts";
import { addMasquerade, checkMasquerade, removeMasquerade } from "./masquerade.ts";

const ips: readonly IfAddr[] = [ifAddr("10.1.0.5/24"), ifAddr("fd01::5/64")];
const rules = "nft list ruleset";

function owner(containerId: string): Owner {
  return { network: "shop", containerId, ifname: "eth0", plugin: "bridge" };
}

/** pod 10.1.0.5 – node – outside 192.0.2.2, which knows a way back to the pod: it tells whose packets it gets, masqueraded or not. */
function world(box: Sandbox): { readonly node: Netns; readonly pod: Netns; readonly outside: Netns } {
  const [node, pod, outside] = [box.netns("node"), box.netns("pod"), box.netns("outside")];
  skipDuplicateChecks(box, node, pod, outside);
  join(box, [node, "vpod", "10.1.0.1/24", "fd01::1/64"], [pod, "eth0", ...ips]);
  join(box, [node, "vout", "192.0.2.1/24", "fd02::1/64"], [outside, "eth0", "192.0.2.2/24", "fd02::2/64"]);
  box.sh(pod, ["ip", "route", "add", "default", "via", "10.1.0.1"]);
  box.sh(pod, ["ip", "-6", "route", "add", "default", "via", "fd01::1"]);
  box.sh(outside, ["ip", "route", "add", "10.1.0.0/24", "via", "192.0.2.1"]);
  box.sh(outside, ["ip", "-6", "route", "add", "fd01::/64", "via", "fd02::1"]);
  forward(box, node);
  for (const ns of [node, pod, outside]) waitUntilSettled(box, ns);
  return { node, pod, outside };
}

function ruleset(box: Sandbox, node: Netns): string {
  return box.sh(node, rules.split(" "));
}

describe("masquerade", () => {
  test("a pod reaches the outside under the node's address, by both families, and under its own after removal", async () => {
    using box = new Sandbox();
    const { node, pod, outside } = world(box);
    using host = testHost(box, node);
    await startEcho(box, outside, { port: 80, name: "web" });
    const seen = () => [ask(box, pod, "192.0.2.2", 80), ask(box, pod, "fd02::2", 80)];
    expect(seen()).toEqual(["web 10.1.0.5", "web fd01::5"]);

    addMasquerade(host, owner("a"), ips);
    expect(seen()).toEqual(["web 192.0.2.1", "web fd02::1"]);
    checkMasquerade(host, owner("a"), ips);

    removeMasquerade(host, owner("a"), ips);
    expect(seen()).toEqual(["web 10.1.0.5", "web fd01::5"]);
    expect(ruleset(box, node)).not.toMatch(/elements|from_/);
    removeMasquerade(host, owner("a"), ips);
  });

  test("traffic within the pod's own subnet keeps its source", async () => {
    using box = new Sandbox();
    const { node, pod } = world(box);
    using host = testHost(box, node);
    await startEcho(box, node, { port: 80, name: "node" });
    addMasquerade(host, owner("a"), ips);
    expect(ask(box, pod, "10.1.0.1", 80)).toBe("node 10.1.0.5");
    expect(ask(box, pod, "fd01::1", 80)).toBe("node fd01::5");
  });

  test("an address given out again stays masqueraded when its former owner is removed late", () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    addMasquerade(host, owner("a"), ips);
    addMasquerade(host, owner("b"), ips);
    expect(() => checkMasquerade(host, owner("a"), ips)).toThrow("belongs to shop/b:eth0:bridge by now");
    removeMasquerade(host, owner("a"), ips);
    checkMasquerade(host, owner("b"), ips);
  });

  test("the rules that a packet passes and an ADD touches are the same with 1 and with 200 other pods", () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    const rulesOf = () => ruleset(box, node).replaceAll(/elements = \{[^}]*\}/g, "");
    addMasquerade(host, owner("first"), ips);
    const before = rulesOf();
    for (let i = 0; i < 200; i++) {
      addMasquerade(host, owner(`pod${i}`), [ifAddr(`10.1.0.${i + 20}/24`), ifAddr(`fd01::${i + 100}/64`)]);
    }
    expect(rulesOf().replaceAll(/\s/g, "")).toBe(before.replaceAll(/\s/g, ""));
  });

  test("adding again changes nothing, and everything comes back after all rules were flushed", () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    addMasquerade(host, owner("a"), ips);
    const before = ruleset(box, node);
    addMasquerade(host, owner("a"), ips);
    expect(ruleset(box, node)).toBe(before);
    box.sh(node, ["nft", "flush", "ruleset"]);
    expect(() => checkMasquerade(host, owner("a"), ips)).toThrow("is missing");
    removeMasquerade(host, owner("a"), ips);
    addMasquerade(host, owner("a"), ips);
    expect(ruleset(box, node)).toBe(before);
  });

  test("a missing rule is found by the check, which changes nothing", () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using host = testHost(box, node);
    addMasquerade(host, owner("a"), ips);
    box.sh(node, ["nft", "flush", "chain", "inet", "twill_masquerade", "from_10.1.0.0/24"]);
    const before = ruleset(box, node);
    expect(() => checkMasquerade(host, owner("a"), ips)).toThrow(
      "CHECK failed: chain from_10.1.0.0/24 of nftables table inet twill_masquerade has 0 rules, not 3",
    );
    expect(ruleset(box, node)).toBe(before);
  });
});
