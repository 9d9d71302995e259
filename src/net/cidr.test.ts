// Blocks and interface addresses: what is read, what is refused, what contains what.
import { describe, expect, test } from "bun:test";
import {
  addressOf,
  boundsOf,
  cidr,
  contains,
  defaultCidr,
  familyOfCidr,
  hostCidr,
  ifAddr,
  isDefault,
  joinIfAddr,
  lengthOf,
  networkOf,
  overlaps,
  parseIfAddr,
} from "./cidr.ts";
import { ip } from "./ip.ts";

describe("ifAddr()", () => {
  const rows: readonly (readonly [text: string, canonical: string, network: string])[] = [
    ["10.1.2.3/24", "10.1.2.3/24", "10.1.2.0/24"],
    ["10.1.2.3/32", "10.1.2.3/32", "10.1.2.3/32"],
    ["10.1.2.3/0", "10.1.2.3/0", "0.0.0.0/0"],
    ["10.255.255.255/9", "10.255.255.255/9", "10.128.0.0/9"],
    ["FD00:0::1/64", "fd00::1/64", "fd00::/64"],
    ["fd00::ffff/127", "fd00::ffff/127", "fd00::fffe/127"],
  ];
  for (const [text, canonical, network] of rows) {
    test(`reads ${text} in ${network}`, () => {
      const address = ifAddr(text);
      expect(address as string).toBe(canonical);
      expect(networkOf(address) as string).toBe(network);
      expect(joinIfAddr(addressOf(address), lengthOf(address))).toBe(address);
    });
  }

  for (const text of ["", "10.0.0.1", "10.0.0.1/", "10.0.0.1/33", "10.0.0.1/08", "10.0.0.1/-1", "10.0.0.1/8/8", "/8"]) {
    test(`refuses "${text}"`, () => {
      expect(parseIfAddr(text)).toBeUndefined();
      expect(() => ifAddr(text)).toThrow(`"${text}" is not an address with a prefix length, like 10.1.2.3/24`);
    });
  }

  test("IPv6 has up to 128 bits", () => {
    expect(ifAddr("::1/128") as string).toBe("::1/128");
    expect(parseIfAddr("::1/129")).toBeUndefined();
    expect(() => joinIfAddr(ip("10.0.0.1"), 33)).toThrow("A prefix length of 33 does not fit 10.0.0.1");
  });
});

describe("cidr()", () => {
  test("takes a block", () => {
    expect(cidr("10.0.0.0/8") as string).toBe("10.0.0.0/8");
    expect(familyOfCidr(cidr("fd00::/8"))).toBe("ipv6");
  });

  test("refuses host bits and names the block", () => {
    expect(() => cidr("10.0.0.1/8")).toThrow('"10.0.0.1/8" has host bits set: the block is 10.0.0.0/8');
  });

  test("makes hosts and defaults", () => {
    expect([hostCidr(ip("10.0.0.1")), hostCidr(ip("fd00::1"))]).toEqual([cidr("10.0.0.1/32"), cidr("fd00::1/128")]);
    expect([defaultCidr("ipv4"), defaultCidr("ipv6")]).toEqual([cidr("0.0.0.0/0"), cidr("::/0")]);
    expect([cidr("0.0.0.0/0"), cidr("::/0"), cidr("0.0.0.0/1")].map(isDefault)).toEqual([true, true, false]);
  });
});

describe("contains() and overlaps()", () => {
  const rows: readonly (readonly [block: string, address: string, inside: boolean])[] = [
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["10.0.0.0/8", "::ffff:10.0.0.1", false],
    ["0.0.0.0/0", "192.0.2.1", true],
    ["::/0", "192.0.2.1", false],
    ["fd00::/64", "fd00::1:0:0:0", true],
    ["fd00::/64", "fd00:0:0:1::", false],
  ];
  for (const [block, address, inside] of rows) {
    test(`${address} is ${inside ? "" : "not "}in ${block}`, () => {
      expect(contains(cidr(block), ip(address))).toBe(inside);
      expect(overlaps(cidr(block), hostCidr(ip(address)))).toBe(inside);
    });
  }

  test("the bounds are the first and last number", () => {
    expect(boundsOf(cidr("10.0.0.0/30"))).toEqual({ first: 0x0a000000n, last: 0x0a000003n });
  });
});
