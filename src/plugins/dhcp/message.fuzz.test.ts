// Laws of the DHCPv4 codecs: what is written is read back, and no bytes do worse than a DecodeError.
import { expect, test } from "bun:test";
import { type Codec, DecodeError, decode, encode } from "#codec/codec.ts";
import { joinIfAddr, networkOf } from "#net/cidr.ts";
import { ipFromBytes } from "#net/ip.ts";
import { macFromBytes } from "#net/mac.ts";
import { decodeUdpFrame, encodeUdpFrame } from "#net/udp-frame.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { classlessRoutes, staticRoutes } from "./classless-routes.ts";
import { type Message, message } from "./message.ts";
import { optionList } from "./option-list.ts";
import { searchList } from "./search-list.ts";

const address = (random: Random) => ipFromBytes(random.bytes(4));

function randomMessage(random: Random): Message {
  const options = random.list(
    8,
    () => [random.pick([1, 3, 12, 61, 119, 254]), random.bytes(random.int(0, 600))] as const,
  );
  return {
    op: random.pick(["request", "reply"]),
    xid: random.u32(),
    seconds: random.below(0x10000),
    broadcast: random.bool(),
    ciaddr: address(random),
    yiaddr: address(random),
    siaddr: address(random),
    giaddr: address(random),
    chaddr: macFromBytes(random.bytes(6)),
    options: new Map(options),
  };
}

test("messages, routes, search lists and frames are read as they were written", () => {
  forEachSeed(300, (random) => {
    const value = randomMessage(random);
    const bytes = encode(message, value);
    expect(decode(message, bytes)).toEqual(value);
    const routes = random.list(6, () => ({
      dst: networkOf(joinIfAddr(address(random), random.int(0, 32))),
      gw: address(random),
    }));
    expect(decode(classlessRoutes, encode(classlessRoutes, routes))).toEqual(routes);
    const label = () => random.text(random.int(1, 63));
    const names = random.list(5, () => [label(), label(), label()].join("."));
    expect(decode(searchList, encode(searchList, names))).toEqual(names);
    const ends = { src: address(random), dst: address(random), srcPort: 68, dstPort: random.below(0x10000) };
    const macs = { srcMac: macFromBytes(random.bytes(6)), dstMac: macFromBytes(random.bytes(6)) };
    const frame = { ...macs, ...ends, payload: new Uint8Array(bytes) };
    expect(decodeUdpFrame(encodeUdpFrame(frame))).toEqual(frame);
  });
});

test("whatever comes in is read, or refused with a DecodeError", () => {
  const readers = [
    reading(message),
    reading(optionList),
    reading(classlessRoutes),
    reading(staticRoutes),
    reading(searchList),
  ];
  forEachSeed(300, (random) => {
    const noise = random.bytes(random.int(0, 400));
    const spoilt = encode(message, randomMessage(random));
    for (let changes = random.int(1, 8); changes > 0; changes--)
      spoilt[random.below(spoilt.length)] = random.below(256);
    decodeUdpFrame(noise);
    for (const bytes of [noise, spoilt, spoilt.subarray(0, random.below(spoilt.length))]) {
      for (const read of readers) {
        try {
          read(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(DecodeError);
        }
      }
    }
  });
});

function reading<T>(codec: Codec<T>): (bytes: Uint8Array) => void {
  return (bytes) => void decode(codec, bytes);
}
