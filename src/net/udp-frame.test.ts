// Frames against bytes from RFC 791 and RFC 8200 headers, and what is not a whole datagram.
import { describe, expect, test } from "bun:test";
import { hex } from "#test/hex.ts";
import { ip } from "./ip.ts";
import { mac } from "./mac.ts";
import { checksum, decodeUdpFrame, encodeUdpFrame, type UdpFrame } from "./udp-frame.ts";

const macs = { srcMac: mac("02:00:00:00:00:17"), dstMac: mac("ff:ff:ff:ff:ff:ff") };
const payload = new TextEncoder().encode("hello");

const rows: readonly (readonly [what: string, frame: UdpFrame, bytes: string])[] = [
  [
    "IPv4",
    { ...macs, src: ip("0.0.0.0"), dst: ip("255.255.255.255"), srcPort: 68, dstPort: 67, payload },
    `ffffffffffff 020000000017 0800
     4500 0021 0000 4000 4011 3acd 00000000 ffffffff
     0044 0043 000d bb7b 68656c6c6f`,
  ],
  [
    "IPv6",
    { ...macs, src: ip("fe80::1"), dst: ip("ff02::1:2"), srcPort: 546, dstPort: 547, payload },
    `ffffffffffff 020000000017 86dd
     60000000 000d 11 40 fe80000000000000 0000000000000001 ff02000000000000 0000000000010002
     0222 0223 000d ba35 68656c6c6f`,
  ],
];

describe("a UDP frame", () => {
  for (const [what, frame, bytes] of rows) {
    test(`over ${what} has these bytes, both ways`, () => {
      const encoded = encodeUdpFrame(frame);
      expect(Buffer.from(encoded).toString("hex")).toBe(Buffer.from(hex(bytes)).toString("hex"));
      expect(decodeUdpFrame(encoded)).toEqual(frame);
    });

    test(`over ${what} is undefined when it is cut`, () => {
      const whole = encodeUdpFrame(frame);
      for (let length = 0; length < whole.length; length++) {
        expect(decodeUdpFrame(whole.subarray(0, length))).toBeUndefined();
      }
    });
  }

  const spoilt: readonly (readonly [what: string, at: number, value: number])[] = [
    ["another protocol than IP", 13, 0x06],
    ["another protocol than UDP", 23, 6],
    ["a fragment", 21, 1],
    ["a broken header checksum", 24, 0],
    ["a header of no length", 14, 0x40],
  ];
  for (const [what, at, value] of spoilt) {
    test(`is undefined for ${what}`, () => {
      const bytes = new Uint8Array(encodeUdpFrame((rows[0] ?? [])[1] as UdpFrame));
      bytes[at] = value;
      expect(decodeUdpFrame(bytes)).toBeUndefined();
    });
  }

  test("the padding that short Ethernet frames get is not part of it", () => {
    const [, frame] = rows[0] as (typeof rows)[number];
    const padded = new Uint8Array([...encodeUdpFrame(frame), ...new Uint8Array(13)]);
    expect(decodeUdpFrame(padded)).toEqual(frame);
  });

  test("the checksum of RFC 1071's example is the RFC's", () => {
    expect(checksum([hex("0001 f203 f4f5 f6f7")])).toBe(~0xddf2 & 0xffff);
  });
});
