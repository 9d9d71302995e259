// Frames with a mark, taken from one wire and put on another, in a real namespace.

import { expect, test } from "bun:test";
import { Sandbox } from "#test/sandbox.ts";
import { FrameSocket } from "./frame-socket.ts";
import { Netns } from "./netns.ts";

const mark = 7;
const maxFrames = 1000;

test("a frame with the mark goes on as it came, others stay out", async () => {
  using box = new Sandbox();
  const place = box.netns("wires");
  for (const [name, peer] of [
    ["in0", "in1"],
    ["out0", "out1"],
  ] as const) {
    box.sh(place, ["ip", "link", "add", name, "type", "veth", "peer", "name", peer]);
    for (const each of [name, peer]) {
      box.sh(place, ["ip", "link", "set", each, "addrgenmode", "none"]);
      box.sh(place, ["ip", "link", "set", each, "up"]);
    }
  }
  box.sh(place, ["ip", "address", "add", "192.0.2.1/24", "dev", "in0"]);
  box.sh(place, ["ip", "neighbour", "add", "192.0.2.2", "lladdr", "02:00:00:00:00:02", "dev", "in0"]);
  const indexOf = (name: string) => Number.parseInt(box.sh(place, ["ip", "-o", "link", "show", name]), 10);
  using netns = new Netns(place.path);
  using input = new FrameSocket(netns, indexOf("in1"));
  using output = new FrameSocket(netns, indexOf("out0"));
  using witness = new FrameSocket(netns, indexOf("out1"));
  const [taken, arrived]: [Uint8Array[], Uint8Array[]] = [[], []];
  await witness.receive(0, (frame) => arrived.push(frame));
  await input.receive(mark, (frame) => {
    taken.push(frame);
    if (taken.length < maxFrames) expect(output.send(frame)).toBe(true);
  });
  // Answered by nobody: what counts is what was sent.
  box.run(place, ["ping", "-c", "1", "-W", "0.1", "192.0.2.2"]);
  box.run(place, ["ping", "-m", String(mark), "-c", "1", "-W", "0.1", "192.0.2.2"]);
  for (let i = 0; i < 3000 && arrived.length === 0; i++) await Bun.sleep(10);
  expect(taken.length).toBe(1);
  expect(arrived).toEqual(taken);
  // struct virtio_net_hdr, Ethernet, IPv4, ICMP with 56 bytes.
  expect(taken[0]?.length).toBe(10 + 14 + 20 + 8 + 56);
});
