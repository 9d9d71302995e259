// IP addresses: what is read, how it is written, and arithmetic.
import { describe, expect, test } from "bun:test";
import { hex, toHex } from "#test/hex.ts";
import { bitsOf, familyOf, ip, ipBytes, ipFromBigint, ipFromBytes, ipToBigint, offsetIp, parseIp } from "./ip.ts";

const rows: readonly (readonly [text: string, canonical: string, bytes: string])[] = [
  ["10.0.0.1", "10.0.0.1", "0a000001"],
  ["255.255.255.255", "255.255.255.255", "ffffffff"],
  ["0.0.0.0", "0.0.0.0", "00000000"],
  ["::", "::", "00000000000000000000000000000000"],
  ["::1", "::1", "00000000000000000000000000000001"],
  ["FD00::ABCD", "fd00::abcd", "fd00000000000000000000000000abcd"],
  ["2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1", "20010db8000000000000000000000001"],
  // RFC 5952, 4.2.2: one group of zeros is not shortened.
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"],
  ["2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1", "20010db8000000010001000100010001"],
  // 4.2.3: the longest run, and the first of equals.
  ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1", "20010000000000010000000000000001"],
  ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", "20010db8000000000001000000000001"],
  ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0", "00010002000300040005000600070000"],
  ["1:2:3:4:5:6::", "1:2:3:4:5:6::", "00010002000300040005000600000000"],
  // Section 5: IPv4-mapped addresses.
  ["::ffff:192.0.2.1", "::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
  ["::ffff:c000:201", "::ffff:192.0.2.1", "00000000000000000000ffffc0000201"],
  ["64:ff9b::192.0.2.33", "64:ff9b::c000:221", "0064ff9b0000000000000000c0000221"],
];

const wrong = [
  ...[
    "",
    "10.0.0",
    "10.0.0.0.1",
    "10.0.0.256",
    "10.0.0.01",
    "010.0.0.1",
    "10.0.0.-1",
    "10.0.0.1/24",
    " 10.0.0.1",
    "0x0a.0.0.1",
  ],
  ...[
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "g::",
    "fe80::1%eth0",
  ],
  ...["::1.2.3", "::1.2.3.04", "1.2.3.4::", "1:2:3:4:5:6:7:1.2.3.4", "[::1]", ":1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8:"],
];

describe("ip()", () => {
  for (const [text, canonical, bytes] of rows) {
    test(`reads ${text} as ${canonical}`, () => {
      const address = ip(text);
      expect(address as string).toBe(canonical);
      expect(toHex(ipBytes(address))).toBe(toHex(hex(bytes)));
      expect(ipFromBytes(hex(bytes))).toBe(address);
      expect(ipToBigint(address)).toBe(BigInt(`0x${bytes}`));
      expect(ipFromBigint(BigInt(`0x${bytes}`), familyOf(address))).toBe(address);
    });
  }

  for (const text of wrong) {
    test(`refuses "${text}"`, () => {
      expect(parseIp(text)).toBeUndefined();
      expect(() => ip(text)).toThrow(`"${text}" is not an IP address`);
    });
  }

  test("knows the family and its size", () => {
    expect([familyOf(ip("10.0.0.1")), familyOf(ip("::ffff:10.0.0.1"))]).toEqual(["ipv4", "ipv6"]);
    expect([bitsOf("ipv4"), bitsOf("ipv6")]).toEqual([32, 128]);
  });
});

describe("arithmetic", () => {
  test("goes over the borders of bytes", () => {
    expect(offsetIp(ip("10.0.0.255"), 1)).toBe(ip("10.0.1.0"));
    expect(offsetIp(ip("10.0.1.0"), -1)).toBe(ip("10.0.0.255"));
    expect(offsetIp(ip("fd00::ffff:ffff:ffff:ffff"), 1n)).toBe(ip("fd00:0:0:1::"));
  });

  test("ends with the family", () => {
    expect(() => offsetIp(ip("255.255.255.255"), 1)).toThrow("outside the ipv4 range");
    expect(() => offsetIp(ip("::"), -1)).toThrow("outside the ipv6 range");
    expect(() => ipFromBigint(1n << 32n, "ipv4")).toThrow("4294967296 is outside the ipv4 range");
  });

  test("bytes of no address are refused", () => {
    expect(() => ipFromBytes(new Uint8Array(5))).toThrow("An IP address has 4 or 16 bytes, not 5");
  });
});
