// Packet sockets in namespaces of the test's own: frames, the filter, a link that goes down, descriptors that are closed.
import { expect, test } from "bun:test";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { encodeUdpFrame } from "#net/udp-frame.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { Netns } from "./netns.ts";
import { EtherType, PacketSocket } from "./packet-socket.ts";
import type { FilterStep } from "./socket-filter.ts";

// Lets frames through whose UDP destination port is 68, in a header without options.
const toPort68: readonly FilterStep[] = [
  [0x28, 0, 0, 36],
  [0x15, 0, 1, 68],
  [0x06, 0, 0, 0x40000],
  [0x06, 0, 0, 0],
];

function frameTo(dstPort: number): Uint8Array {
  const macs = { srcMac: mac("02:00:00:00:00:01"), dstMac: mac("ff:ff:ff:ff:ff:ff") };
  const ends = { src: ip("10.0.0.1"), dst: ip("255.255.255.255"), srcPort: 67, dstPort };
  return encodeUdpFrame({ ...macs, ...ends, payload: new Uint8Array([dstPort]) });
}

function pair(box: Sandbox): { readonly near: BoxNetns; readonly far: BoxNetns } {
  const [near, far] = [box.netns("near"), box.netns("far")];
  const link = (name: string) => ["name", name, "index", "7"];
  box.sh(near, ["ip", "link", "add", ...link("eth0"), "type", "veth", "peer", ...link("eth0"), "netns", far.name]);
  for (const ns of [near, far]) box.sh(ns, ["ip", "link", "set", "eth0", "up"]);
  return { near, far };
}

function open(ns: BoxNetns): PacketSocket {
  using netns = new Netns(ns.path);
  return new PacketSocket(netns, 7, { etherType: EtherType.ipv4, filter: toPort68 });
}

/** The kernel's own list of the namespace's packet sockets: other descriptors of this process come and go as the engine likes. */
function openSockets(box: Sandbox, ns: BoxNetns): number {
  return box.sh(ns, ["cat", "/proc/net/packet"]).trim().split("\n").length - 1;
}

test("frames that pass the filter arrive whole and in order, others do not, and waiting ends", async () => {
  using box = new Sandbox();
  const { near, far } = pair(box);
  using sender = open(near);
  using receiver = open(far);
  await receiver.listen();
  for (const port of [68, 67, 53, 68]) sender.send(frameTo(port));
  expect(await receiver.receive(20_000)).toEqual(frameTo(68));
  expect(await receiver.receive(20_000)).toEqual(frameTo(68));
  expect(await receiver.receive(20)).toBeUndefined();
  const waiting = receiver.receive(10_000, AbortSignal.timeout(20));
  expect(await waiting).toBeUndefined();
});

test("a link that is down is an error to both sides, not a silence", async () => {
  using box = new Sandbox();
  const { near } = pair(box);
  using socket = open(near);
  await socket.listen();
  const waiting = socket.receive(5_000).catch((error: unknown) => error);
  await Bun.sleep(10);
  box.sh(near, ["ip", "link", "set", "eth0", "down"]);
  expect(await waiting).toMatchObject({ errnoName: "ENETDOWN" });
  expect(() => socket.send(frameTo(68))).toThrow("ENETDOWN");
});

test("an interface that does not exist is refused, and no descriptor stays open", async () => {
  using box = new Sandbox();
  const { near } = pair(box);
  for (let round = 0; round < 5; round++) {
    using socket = open(near);
    await socket.listen();
    expect(openSockets(box, near)).toBeGreaterThan(0);
    using netns = new Netns(near.path);
    expect(() => new PacketSocket(netns, 99, { etherType: EtherType.ipv4, filter: [] })).toThrow("ENODEV");
  }
  for (let round = 0; openSockets(box, near) > 0 && round < 3000; round++) await Bun.sleep(10);
  expect(openSockets(box, near)).toBe(0);
});
