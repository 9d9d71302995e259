// Links that are removed aside, in namespaces of the test's own: what a sweep takes between a look and a mark is gone, not an error.
import { expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { Connection } from "#netlink/connection.ts";
import { findLink } from "#netlink/link.ts";
import { Sandbox } from "#test/sandbox.ts";
import { SweepingRemover } from "./link-remover.ts";

test("a pair that went after it was looked at is removed without a complaint, and its names are free", () => {
  using box = new Sandbox();
  const [node, pod] = [box.netns("node"), box.netns("pod")];
  using netns = new Netns(pod.path);
  using nodeNetns = new Netns(node.path);
  using host = new Connection("route", nodeNetns);
  using inside = new Connection("route", netns);
  using remover = new SweepingRemover(() => undefined);
  for (const goneBefore of [false, true]) {
    box.sh(node, ["ip", "link", "add", "host0", "type", "veth", "peer", "name", "eth0", "netns", pod.name]);
    const link = findLink(inside, "eth0");
    if (link === undefined) throw new Error("There is no eth0");
    if (goneBefore) box.sh(node, ["ip", "link", "del", "host0"]);
    remover.remove(link, { connection: inside, netns }, { connection: host, netns: nodeNetns });
    expect(findLink(inside, "eth0")).toBeUndefined();
    if (!goneBefore) box.sh(node, ["ip", "link", "del", "host0"]);
  }
});
