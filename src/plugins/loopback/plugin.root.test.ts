// The loopback plugin in real namespaces, seen by ip(8).
import { describe, expect, test } from "bun:test";
import { TestAttachment } from "#test/attachment.ts";
import { testHost } from "#test/host.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { loopback } from "./plugin.ts";

/** A namespace whose loopback is down, as a runtime makes it. */
function downNetns(box: Sandbox): Netns {
  const container = box.netns("container");
  box.sh(container, ["ip", "link", "set", "lo", "down"]);
  return container;
}

function isUp(box: Sandbox, ns: Netns): boolean {
  const [link] = JSON.parse(box.sh(ns, ["ip", "-json", "link", "show", "dev", "lo"])) as { flags: string[] }[];
  return link?.flags.includes("UP") ?? false;
}

describe("loopback", () => {
  for (const cniVersion of ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]) {
    test(`ADD brings lo up and tells its addresses (${cniVersion})`, async () => {
      using box = new Sandbox();
      using host = testHost(box, box.netns("node"));
      const container = downNetns(box);
      const attachment = new TestAttachment({ plugin: loopback, host, conf: { cniVersion }, netns: container.path });
      const result = await attachment.add();
      expect(isUp(box, container)).toBe(true);
      const family = (version: string) => (cniVersion.startsWith("0") ? { version } : {});
      expect(result).toEqual({
        cniVersion,
        interfaces: [{ name: "lo", mac: "00:00:00:00:00:00", sandbox: container.path }],
        ips: [
          { ...family("4"), interface: 0, address: "127.0.0.1/8" },
          { ...family("6"), interface: 0, address: "::1/128" },
        ],
        ...(cniVersion.startsWith("0") ? { dns: {} } : {}),
      });
    });
  }

  test("ADD speaks version 0.1.0 as containerd's oldest callers do", async () => {
    using box = new Sandbox();
    using host = testHost(box, box.netns("node"));
    const container = downNetns(box);
    const conf = { cniVersion: "0.1.0" };
    const result = await new TestAttachment({ plugin: loopback, host, conf, netns: container.path }).add();
    expect(result as object).toEqual({
      cniVersion: "0.1.0",
      ip4: { ip: "127.0.0.1/8" },
      ip6: { ip: "::1/128" },
      dns: {},
    });
  });

  test("ADD passes a previous result on", async () => {
    using box = new Sandbox();
    using host = testHost(box, box.netns("node"));
    const prevResult = { cniVersion: "1.0.0", interfaces: [{ name: "eth0" }], ips: [{ address: "10.1.2.3/24" }] };
    const conf = { cniVersion: "1.0.0", prevResult };
    const attachment = new TestAttachment({ plugin: loopback, host, conf, netns: downNetns(box).path });
    expect(await attachment.add()).toEqual(prevResult);
  });

  test("ADD refuses a foreign address and leaves lo down", async () => {
    using box = new Sandbox();
    using host = testHost(box, box.netns("node"));
    const container = downNetns(box);
    box.sh(container, ["ip", "address", "add", "10.9.9.9/32", "dev", "lo"]);
    const attachment = new TestAttachment({ plugin: loopback, host, conf: {}, netns: container.path });
    const error = await cniErrorOfAsync(() => attachment.add());
    expect([error.code, error.message]).toEqual([7, expect.stringContaining("has address 10.9.9.9/32")]);
    expect(isUp(box, container)).toBe(false);
  });

  test("CHECK wants lo up, with the addresses of ADD", async () => {
    using box = new Sandbox();
    using host = testHost(box, box.netns("node"));
    const container = downNetns(box);
    const attachment = new TestAttachment({ plugin: loopback, host, conf: {}, netns: container.path });
    await attachment.add();
    await attachment.check();
    box.sh(container, ["ip", "address", "del", "::1/128", "dev", "lo"]);
    expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("no address ::1/128");
    box.sh(container, ["ip", "link", "set", "lo", "down"]);
    expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("is down");
  });

  const deletes: readonly (readonly [what: string, netns: (path: string) => string])[] = [
    ["in its namespace", (path) => path],
    ["with CNI_NETNS empty", () => ""],
    ["with the namespace gone", () => "/run/netns/never-was"],
  ];
  for (const [what, netns] of deletes) {
    test(`DEL succeeds twice ${what}`, async () => {
      using box = new Sandbox();
      using host = testHost(box, box.netns("node"));
      const container = downNetns(box);
      const attachment = new TestAttachment({ plugin: loopback, host, conf: {}, netns: container.path });
      await attachment.add();
      await attachment.del({ netns: netns(container.path) });
      await attachment.del({ netns: netns(container.path) });
      expect(isUp(box, container)).toBe(netns(container.path) !== container.path);
    });
  }

  test("a namespace that is none is error 8", async () => {
    using box = new Sandbox();
    using host = testHost(box, box.netns("node"));
    const attachment = new TestAttachment({ plugin: loopback, host, conf: {}, netns: "/dev/null" });
    expect((await cniErrorOfAsync(() => attachment.add())).code).toBe(8);
  });

  test("GC and STATUS succeed", async () => {
    using box = new Sandbox();
    using host = testHost(box, box.netns("node"));
    const attachment = new TestAttachment({ plugin: loopback, host, conf: {}, netns: "" });
    await attachment.gc([]);
    await attachment.status();
  });
});
