// That a main plugin asks its IPAM plugin at each verb, undoes a failed ADD, and stays whole when IPAM fails.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Plugin } from "#cni/plugin.ts";
import type { Host } from "#plugins/host.ts";
import { TestAttachment } from "./attachment.ts";
import { testHost } from "./host.ts";
import { linkNames } from "./link-witness.ts";
import { RecordingPlugins } from "./recording-plugins.ts";
import { type Netns, Sandbox } from "./sandbox.ts";
import { cniErrorOfAsync } from "./thrown.ts";

export type IpamForwarding = {
  readonly plugin: Plugin<Host>;
  /** Prepares node and container; returns the configuration without IPAM. */
  readonly setUp: (box: Sandbox, node: Netns, container: Netns) => JsonObject;
};

const granted = { cniVersion: "1.1.0", ips: [{ address: "10.7.0.2/24", gateway: "10.7.0.1" }] };

/** Declares the tests. */
export function testIpamForwarding({ plugin, setUp }: IpamForwarding): void {
  /** Runs `use` with an attachment whose IPAM plugin `ipam` is under the test's control. */
  async function withIpam(use: (at: Attached) => Promise<void>): Promise<void> {
    using box = new Sandbox();
    using ipam = new RecordingPlugins("ipam");
    ipam.answer("ipam", "ADD", { stdout: granted });
    const node = box.netns("node");
    const container = box.netns("container");
    using host = testHost(box, node);
    const conf = { ...setUp(box, node, container), ipam: { type: "ipam" } };
    const attachment = new TestAttachment({ plugin, host, conf, netns: container.path, path: ipam.bin });
    const links = () => ({ node: linkNames(box, node), container: linkNames(box, container) });
    await use({ box, container, ipam, attachment, links });
  }

  describe(`${plugin.name} and its IPAM plugin`, () => {
    test("each verb is passed on", async () => {
      await withIpam(async ({ attachment, ipam }) => {
        await attachment.add();
        await attachment.check();
        await attachment.gc([{ containerID: "c1", ifname: "eth0" }]);
        await attachment.status();
        await attachment.del();
        expect(ipam.calls().map(({ command }) => command)).toEqual(["ADD", "CHECK", "GC", "STATUS", "DEL"]);
      });
    });

    test("a failed ADD of IPAM leaves nothing", async () => {
      await withIpam(async ({ attachment, ipam, links }) => {
        const before = links();
        ipam.answer("ipam", "ADD", { stdout: { code: 77, msg: "pool is empty" }, exitCode: 1 });
        const error = await cniErrorOfAsync(() => attachment.add());
        expect([error.code, error.message]).toEqual([77, "pool is empty"]);
        expect(links()).toEqual(before);
      });
    });

    test("an ADD that fails after IPAM leaves nothing and releases the addresses", async () => {
      await withIpam(async ({ attachment, ipam, links }) => {
        const before = links();
        // No gateway of that kind can be reached through the interface.
        ipam.answer("ipam", "ADD", { stdout: { ...granted, routes: [{ dst: "10.8.0.0/16", gw: "192.0.2.1" }] } });
        expect((await attachment.call("ADD")).exitCode).toBe(1);
        expect(links()).toEqual(before);
        expect(ipam.calls().at(-1)?.command).toBe("DEL");
      });
    });

    test("DEL removes the link though IPAM fails, and reports the failure", async () => {
      await withIpam(async ({ attachment, ipam, links }) => {
        const before = links();
        await attachment.add();
        ipam.answer("ipam", "DEL", { stdout: { code: 77, msg: "pool is closed" }, exitCode: 1 });
        expect((await cniErrorOfAsync(() => attachment.del())).message).toBe("pool is closed");
        expect(links()).toEqual(before);
      });
    });

    test("STATUS reports what IPAM reports", async () => {
      await withIpam(async ({ attachment, ipam }) => {
        ipam.answer("ipam", "STATUS", { stdout: { code: 50, msg: "pool is empty" }, exitCode: 1 });
        expect((await cniErrorOfAsync(() => attachment.status())).code).toBe(50);
      });
    });

    test("dns is the configuration's if it has any field, else IPAM's", async () => {
      await withIpam(async ({ attachment, ipam }) => {
        ipam.answer("ipam", "ADD", { stdout: { ...granted, dns: { domain: "pool" } } });
        expect((await attachment.add()).dns).toEqual({ domain: "pool" });
        await attachment.del();
        expect((await attachment.add({ conf: { dns: { domain: "conf" } } })).dns).toEqual({ domain: "conf" });
      });
    });

    test("ADD refuses a name that the container has, and the DEL that follows leaves that interface alone", async () => {
      await withIpam(async ({ box, container, attachment, ipam }) => {
        box.sh(container, ["ip", "link", "add", "eth0", "type", "bridge"]);
        const error = await cniErrorOfAsync(() => attachment.add());
        expect([error.code, error.message]).toEqual([4, expect.stringContaining('CNI_IFNAME "eth0" exists already')]);
        await attachment.del();
        expect(linkNames(box, container)).toContain("eth0");
        expect(ipam.calls().map(({ command }) => command)).toEqual(["DEL"]);
      });
    });
  });
}

type Attached = {
  readonly box: Sandbox;
  readonly container: Netns;
  readonly ipam: RecordingPlugins;
  readonly attachment: TestAttachment;
  readonly links: () => { readonly node: readonly string[]; readonly container: readonly string[] };
};
