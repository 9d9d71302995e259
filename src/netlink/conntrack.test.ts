// Tracked connections as values and as bytes.
import { describe, expect, test } from "bun:test";
import { Reader } from "#codec/codec.ts";
import { ip } from "#net/ip.ts";
import { hex, toHex } from "#test/hex.ts";
import { type ConntrackMatch, matches, readTracked, removeTracked, type TrackedConnection } from "./conntrack.ts";

const header = "02 00 0000";
const original = `
  3400 0180                                     # CTA_TUPLE_ORIG
    1400 0180 0800 0100 c0000201 0800 0200 0a000001 # CTA_TUPLE_IP
    1c00 0280 0500 0100 11000000                # CTA_TUPLE_PROTO: UDP
              0600 0200 0fa00000 0600 0300 00350000`;
const reply = `
  3400 0280
    1400 0180 0800 0100 0af40005 0800 0200 c0000201
    1c00 0280 0500 0100 11000000
              0600 0200 14e90000 0600 0300 0fa00000`;
const id = "0800 0c00 12345678";

/** 192.0.2.1 asks 10.0.0.1 port 53; 10.244.0.5 port 5353 answers. */
function udp(): TrackedConnection {
  const tracked = readTracked(new Reader(hex(`${header}\n${original}\n${reply}\n0800 0800 00000007\n${id}`)));
  if (tracked === undefined) throw new Error("Nothing was read");
  return tracked;
}

describe("a tracked connection", () => {
  test("is read from bytes", () => {
    expect(udp()).toMatchObject({
      ...{ family: "ipv4", protocol: "udp", mark: 7 },
      original: { src: ip("192.0.2.1"), dst: ip("10.0.0.1"), srcPort: 4000, dstPort: 53 },
      reply: { src: ip("10.244.0.5"), dst: ip("192.0.2.1"), srcPort: 5353, dstPort: 4000 },
    });
  });

  test("is removed by what its first packet said and its number", () => {
    const request = removeTracked(udp());
    expect(request.text).toBe("remove tracked connection udp 192.0.2.1 port 4000 to 10.0.0.1 port 53");
    expect(toHex(request.body)).toBe(toHex(hex(`${header}\n${original}\n${id}`)));
  });

  test("keeps fields of protocols without ports for its removal", () => {
    const icmp = (type: string) => `
      3c00 0${type}80
        1400 0180 0800 0100 c0000201 0800 0200 0a000001
        2400 0280 0500 0100 01000000 0600 0400 00070000 0500 0500 08000000 0500 0600 00000000`;
    const tracked = readTracked(new Reader(hex(`${header}\n${icmp("1")}\n${icmp("2")}`)));
    expect(tracked?.original).toEqual({ src: ip("192.0.2.1"), dst: ip("10.0.0.1") });
    if (tracked === undefined) throw new Error("Nothing was read");
    expect(toHex(removeTracked(tracked).body)).toBe(toHex(hex(`${header}\n${icmp("1")}`)));
  });

  test("without addresses is none", () => {
    expect(readTracked(new Reader(hex(`${header}\n${id}`)))).toBeUndefined();
  });

  const rows: readonly (readonly [ConntrackMatch, boolean])[] = [
    [{}, true],
    [{ protocol: "udp" }, true],
    [{ protocol: "tcp" }, false],
    [{ originalDst: ip("10.0.0.1"), originalDstPort: 53 }, true],
    [{ originalDst: ip("10.0.0.1"), originalDstPort: 5353 }, false],
    [{ originalDst: ip("10.244.0.5") }, false],
    [{ replySrc: ip("10.244.0.5") }, true],
    [{ replySrc: ip("10.0.0.1") }, false],
    [{ address: ip("192.0.2.1") }, true],
    [{ address: ip("10.244.0.5") }, true],
    [{ address: ip("10.0.0.2") }, false],
  ];
  for (const [match, fits] of rows) {
    test(`${fits ? "matches" : "does not match"} ${JSON.stringify(match)}`, () => {
      expect(matches(udp(), match)).toBe(fits);
    });
  }
});
