// The dummy plugin on a kernel that has such interfaces, seen by ip(8).
import { describe, expect, test } from "bun:test";
import { TestAttachment } from "#test/attachment.ts";
import { testDelMatrix } from "#test/del-matrix.ts";
import { testHost } from "#test/host.ts";
import { HostLocal } from "#test/ipam.ts";
import { testIpamForwarding } from "#test/ipam-forwarding.ts";
import { linkNames, seeAddresses, seeDefaultRoutes, seeLink } from "#test/link-witness.ts";
import { Sandbox } from "#test/sandbox.ts";
import { cniErrorOfAsync } from "#test/thrown.ts";
import { dummy } from "./plugin.ts";

testDelMatrix({ plugin: dummy, setUp: () => ({}) });
testIpamForwarding({ plugin: dummy, setUp: () => ({}) });

describe("dummy", () => {
  test("ADD makes the link though the node has one of that name, CHECK agrees", async () => {
    using box = new Sandbox();
    const node = box.netns("node");
    const container = box.netns("container");
    using host = testHost(box, node);
    box.sh(node, ["ip", "link", "add", "eth0", "type", "dummy"]);
    const { conf } = new HostLocal(box);
    const attachment = new TestAttachment({ plugin: dummy, host, conf, netns: container.path });
    const result = await attachment.add();
    const link = seeLink(box, container, "eth0");
    expect(link?.linkinfo?.info_kind).toBe("dummy");
    expect(link?.flags).toContain("UP");
    expect(result.interfaces).toEqual([{ name: "eth0", mac: link?.address ?? "", sandbox: container.path }]);
    expect(seeAddresses(box, container, "eth0")).toEqual(["10.7.0.2/24", "fd07::2/64"]);
    expect(seeDefaultRoutes(box, container)).toEqual(["10.7.0.1 dev eth0", "fd07::1 dev eth0"]);
    await attachment.check();
    box.sh(container, ["ip", "link", "set", "eth0", "down"]);
    expect((await cniErrorOfAsync(() => attachment.check())).message).toContain("is down");
    expect(linkNames(box, node)).toEqual(["eth0"]);
  });

  test("ADD without ipam is error 7 and leaves nothing", async () => {
    using box = new Sandbox();
    const container = box.netns("container");
    using host = testHost(box, box.netns("node"));
    const attachment = new TestAttachment({ plugin: dummy, host, conf: {}, netns: container.path });
    const error = await cniErrorOfAsync(() => attachment.add());
    expect([error.code, error.message]).toEqual([7, expect.stringContaining('"ipam.type" is missing')]);
    expect(linkNames(box, container)).toEqual([]);
  });
});
