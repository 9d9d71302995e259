// The firewall beside a real firewalld, seen by firewall-cmd and by packets.

import { expect, setDefaultTimeout, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Host } from "#plugins/host.ts";
import { TestAttachment } from "#test/attachment.ts";
import { startFirewalld } from "#test/firewalld.ts";
import { testHost } from "#test/host.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { addBridge, addPod, ask, askBriefly, makeWorld, podResult, startEcho } from "#test/traffic.ts";
import { firewall } from "./plugin.ts";

setDefaultTimeout(120_000);

type Place = { readonly host: Host; readonly node: Netns; readonly address: string };

function attach({ host, node, address }: Place, number: number, conf: JsonObject = {}, containerId = `pod${number}`) {
  return new TestAttachment({
    ...{ plugin: firewall, host, netns: node.path, containerId },
    env: { DBUS_SYSTEM_BUS_ADDRESS: address },
    conf: { name: "br1", prevResult: podResult(node, "br1", 1, number), ...conf },
  });
}

function rules(box: Sandbox, node: Netns): string {
  return box.sh(node, ["nft", "list", "ruleset"]);
}

test("where firewalld runs, pods become sources of its zone, and go again", async () => {
  using box = new Sandbox();
  const node = box.netns("node");
  using host = testHost(box, node);
  const { address, cmd, kill } = await startFirewalld(box, node);
  const place = { host, node, address };
  const [first, second] = [attach(place, 5), attach(place, 6, { backend: "firewalld", firewalldZone: "internal" })];

  await first.add();
  await second.add();
  expect(cmd("--zone=trusted", "--list-sources")).toBe("10.1.0.5/32 fd01::5/128");
  expect(cmd("--zone=internal", "--list-sources")).toBe("10.1.0.6/32 fd01::6/128");
  expect(rules(box, node)).not.toContain("twill_firewall");
  await first.check();
  await second.check();
  await second.status();

  // Again: firewalld says so, nobody is hurt.
  await first.add();
  await first.check();
  cmd("--zone=trusted", "--remove-source=fd01::5/128");
  await expect(first.check()).rejects.toThrow("CHECK failed: fd01::5/128 is not in firewalld's zone trusted");

  await first.del();
  await first.del();
  await second.gc([]);
  expect([cmd("--zone=trusted", "--list-sources"), cmd("--zone=internal", "--list-sources")]).toEqual(["", ""]);
  expect(host.ledger.list("br1", "firewall")).toEqual([]);

  // What it forgets when it ends needs no removal.
  await second.add();
  await kill();
  await expect(second.check()).rejects.toThrow("CHECK failed: firewalld does not run any more");
  await second.del();
  expect(host.ledger.list("br1", "firewall")).toEqual([]);
});

test("an address given out again stays, a container of the reference goes, and a lost record hurts nobody", async () => {
  using box = new Sandbox();
  const node = box.netns("node");
  using host = testHost(box, node);
  const { address, cmd } = await startFirewalld(box, node);
  const place = { host, node, address };
  const [first, heir] = [attach(place, 5), attach(place, 5, {}, "heir")];
  await first.add();
  await heir.add();
  await first.del();
  await heir.check();
  host.ledger.remove({ network: "br1", containerId: "heir", ifname: "eth0", plugin: "firewall" });
  await heir.del();
  expect(cmd("--zone=trusted", "--list-sources")).toBe("");
  // As the reference leaves it: sources, and no record.
  for (const source of ["10.1.0.7/32", "fd01::7/128"]) cmd("--zone=trusted", `--add-source=${source}`);
  await attach(place, 7).del();
  expect(cmd("--zone=trusted", "--list-sources")).toBe("");
});

test("what firewalld refuses is a sentence, and leaves nothing", async () => {
  using box = new Sandbox();
  const node = box.netns("node");
  using host = testHost(box, node);
  const { address, cmd } = await startFirewalld(box, node);
  const place = { host, node, address };
  await expect(attach(place, 5, { firewalldZone: "shop" }).add()).rejects.toThrow(
    'field "firewalldZone" cannot be "shop": firewalld has no such zone; make it with firewall-cmd --permanent --new-zone=shop',
  );
  cmd("--zone=public", "--add-source=fd01::5/128");
  await expect(attach(place, 5).add()).rejects.toThrow(
    `Cannot put fd01::5/128 into firewalld's zone "trusted": it is in another one; take it out with firewall-cmd`,
  );
  expect(cmd("--zone=trusted", "--list-sources")).toBe("");
  expect(cmd("--zone=public", "--list-sources")).toBe("fd01::5/128");
  expect(host.ledger.list("br1", "firewall")).toEqual([]);
});

test("without firewalld, or with one of another namespace, nftables lets pods through, unless firewalld is asked for", async () => {
  using box = new Sandbox();
  const [node, other] = [box.netns("node"), box.netns("other")];
  using host = testHost(box, node);
  const elsewhere = await startFirewalld(box, other);
  for (const address of [elsewhere.address, "unix:path=/nowhere", "unix:path=/dev/null"]) {
    const place = { host, node, address };
    await attach(place, 5).add();
    expect(rules(box, node)).toContain("10.1.0.5");
    await attach(place, 5).del();
    const asked = attach(place, 5, { backend: "firewalld" });
    const sentence = "firewalld does not run on this node: start it, or leave field";
    await expect(asked.add()).rejects.toMatchObject({ code: 11, message: expect.stringContaining(sentence) });
    await expect(asked.status()).rejects.toMatchObject({ code: 50, message: expect.stringContaining(sentence) });
    await asked.del();
    expect(elsewhere.cmd("--zone=trusted", "--list-sources")).toBe("");
  }
});

test("packets pass where firewalld would have dropped them, and isolation stays nftables'", async () => {
  using box = new Sandbox();
  const world = makeWorld(box);
  const { node, outside } = world;
  addBridge(box, world, "br1", 1);
  addBridge(box, world, "br2", 2);
  const pod = addPod(box, world, "br1", 1, 5);
  const neighbour = addPod(box, world, "br2", 2, 5);
  using host = testHost(box, node);
  const { address } = await startFirewalld(box, node);
  box.sh(outside, ["ip", "route", "add", "10.0.0.0/8", "via", "192.0.2.1"]);
  await startEcho(box, outside, { port: 80, name: "out" });
  await startEcho(box, neighbour, { port: 80, name: "neighbour" });
  // Who is expected to answer is given time.
  const reach = (...expected: readonly [outside: boolean, neighbour: boolean]) =>
    ["192.0.2.2", "10.2.0.5"].map(
      (address, index) => (expected[index] ? ask : askBriefly)(box, pod, address, 80) !== "",
    );

  expect(reach(false, false)).toEqual([false, false]);
  const place = { host, node, address };
  const attachments = [[pod, "br1", 1] as const, [neighbour, "br2", 2] as const].map(([ns, bridge, net]) =>
    attach(place, 5, { prevResult: podResult(ns, bridge, net, 5) }, bridge),
  );
  for (const each of attachments) await each.add();
  expect(reach(true, true)).toEqual([true, true]);
  for (const each of attachments) await each.add({ conf: { ingressPolicy: "same-bridge" } });
  expect(reach(true, false)).toEqual([true, false]);
  for (const each of attachments) await each.check({ conf: { ingressPolicy: "same-bridge" } });
  for (const each of attachments) await each.del();
  expect(box.sh(node, ["nft", "list", "table", "inet", "twill_firewall"])).not.toContain("elements");
});
