// UDP over link-local addresses inside a namespace.
import { expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import { Sandbox } from "#test/sandbox.ts";
import { openLinkUdp } from "./link-udp-socket.ts";
import { Netns } from "./netns.ts";

test("datagrams go to a group on one link and come back; an empty one does not end the socket", async () => {
  using box = new Sandbox();
  const [a, b] = [box.netns("a"), box.netns("b")];
  box.sh(a, ["ip", "link", "add", "l0", "index", "77", "type", "veth", "peer", "name", "l0", "netns", b.name]);
  for (const [ns, address] of [
    [a, "fe80::a"],
    [b, "fe80::b"],
  ] as const) {
    box.sh(ns, ["ip", "link", "set", "l0", "addrgenmode", "none"]);
    box.sh(ns, ["ip", "link", "set", "l0", "up"]);
    box.sh(ns, ["ip", "address", "add", `${address}/64`, "dev", "l0", "nodad"]);
  }
  const [{ ifindex: bIndex = 0 } = {}] = JSON.parse(box.sh(b, ["ip", "-j", "link", "show", "l0"])) as {
    ifindex: number;
  }[];
  using nsA = new Netns(a.path);
  using nsB = new Netns(b.path);
  using one = openLinkUdp(nsA, { ifindex: 77, address: ip("fe80::a"), port: 546 });
  using same = openLinkUdp(nsA, { ifindex: 77, address: ip("fe80::a"), port: 546 });
  // All nodes of the link: no group has to be joined.
  using other = openLinkUdp(nsB, { ifindex: bIndex, address: ip("::"), port: 547 });
  await one.listen();
  await other.listen();
  same[Symbol.dispose]();
  one.send(new Uint8Array(), ip("ff02::1"), 547);
  one.send(new Uint8Array([1, 2]), ip("ff02::1"), 547);
  expect(await other.receive(4_000)).toEqual(new Uint8Array([1, 2]));
  other.send(new Uint8Array([3]), ip("fe80::a"), 546);
  expect(await one.receive(4_000)).toEqual(new Uint8Array([3]));
  expect(await one.receive(10)).toBeUndefined();
  expect(() => openLinkUdp(nsA, { ifindex: 77, address: ip("fe80::b"), port: 546 })).toThrow("EADDRNOTAVAIL");
});
