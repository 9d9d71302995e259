// Laws of addresses, blocks and hardware addresses.
import { describe, expect, test } from "bun:test";
import { isIPv4, isIPv6 } from "node:net";
import { forEachSeed, type Random } from "#test/random.ts";
import {
  addressOf,
  boundsOf,
  cidr,
  contains,
  familyOfCidr,
  ifAddr,
  joinIfAddr,
  lengthOf,
  networkOf,
  overlaps,
  parseIfAddr,
} from "./cidr.ts";
import {
  bitsOf,
  familyOf,
  type Ip,
  ip,
  ipBytes,
  ipFromBigint,
  ipFromBytes,
  ipToBigint,
  offsetIp,
  parseIp,
} from "./ip.ts";
import { mac, macBytes, macFromBytes, randomMac } from "./mac.ts";

const seeds = 1000;

/** Zeros are frequent: they are what the short form is about. */
function anyIp(random: Random): Ip {
  const bytes = random.bytes(random.bool() ? 4 : 16);
  for (let i = 0; i < bytes.length; i += 2) if (random.bool()) bytes.fill(0, i, i + 2);
  return ipFromBytes(bytes);
}

function anyPrefix(random: Random) {
  const address = anyIp(random);
  return joinIfAddr(address, random.int(0, bitsOf(familyOf(address))));
}

describe("addresses", () => {
  test("are the same as text, bytes and number", () => {
    forEachSeed(seeds, (random) => {
      const address = anyIp(random);
      expect(ip(address)).toBe(address);
      expect(ipFromBytes(ipBytes(address))).toBe(address);
      expect(ipFromBigint(ipToBigint(address), familyOf(address))).toBe(address);
    });
  });

  test("are written as the URL standard's serializer writes IPv6, but for mapped ones", () => {
    forEachSeed(seeds, (random) => {
      const address = anyIp(random);
      if (familyOf(address) === "ipv4" || address.startsWith("::ffff:")) return;
      expect(new URL(`http://[${address}]/`).hostname).toBe(`[${address}]`);
    });
  });

  test("any text is one exactly where Bun says so, zones apart", () => {
    forEachSeed(seeds * 5, (random) => {
      const address = [...anyIp(random)];
      for (let i = random.int(0, 3); i > 0; i--) {
        address.splice(random.below(address.length), random.below(2), random.pick([..."0123456789abcdefg:.:."]));
      }
      const text = address.join("");
      expect([text, parseIp(text) !== undefined]).toEqual([text, isIPv4(text) || isIPv6(text)]);
    });
  });

  test("a step and back is none", () => {
    forEachSeed(seeds, (random) => {
      const address = anyIp(random);
      const step = BigInt(random.int(1, 1000));
      const room = (1n << BigInt(bitsOf(familyOf(address)))) - 1n - ipToBigint(address);
      if (room < step) return;
      const next = offsetIp(address, step);
      expect(offsetIp(next, -step)).toBe(address);
    });
  });
});

describe("blocks", () => {
  test("are read as they are written, and the network of a network is itself", () => {
    forEachSeed(seeds, (random) => {
      const prefix = anyPrefix(random);
      expect(ifAddr(prefix)).toBe(prefix);
      const block = networkOf(prefix);
      expect(cidr(block)).toBe(block);
      expect(networkOf(block)).toBe(block);
      expect([familyOfCidr(block), lengthOf(block)]).toEqual([familyOfCidr(prefix), lengthOf(prefix)]);
      expect(parseIfAddr(`${addressOf(prefix)}/${lengthOf(prefix) + 1000}`)).toBeUndefined();
    });
  });

  test("hold their address and their ends, and not their neighbours", () => {
    forEachSeed(seeds, (random) => {
      const prefix = anyPrefix(random);
      const family = familyOfCidr(prefix);
      const block = networkOf(prefix);
      const { first, last } = boundsOf(block);
      expect(contains(block, addressOf(prefix))).toBe(true);
      expect(last - first + 1n).toBe(1n << BigInt(bitsOf(family) - lengthOf(block)));
      for (const inside of [first, last]) expect(contains(block, ipFromBigint(inside, family))).toBe(true);
      if (first > 0n) expect(contains(block, ipFromBigint(first - 1n, family))).toBe(false);
      if (lengthOf(block) > 0 && last + 1n < 1n << BigInt(bitsOf(family))) {
        expect(contains(block, ipFromBigint(last + 1n, family))).toBe(false);
      }
    });
  });

  test("overlap when their bounds do, both ways round", () => {
    forEachSeed(seeds, (random) => {
      const a = networkOf(anyPrefix(random));
      // Often a part of the first, or its neighbour.
      const b = random.bool() ? networkOf(anyPrefix(random)) : networkOf(joinIfAddr(addressOf(a), random.int(0, 32)));
      const [x, y] = [boundsOf(a), boundsOf(b)];
      const expected = familyOfCidr(a) === familyOfCidr(b) && x.first <= y.last && y.first <= x.last;
      expect(overlaps(a, b)).toBe(expected);
      expect(overlaps(b, a)).toBe(expected);
    });
  });
});

describe("hardware addresses", () => {
  test("are the same as text and bytes", () => {
    forEachSeed(seeds, (random) => {
      const address = macFromBytes(random.bytes(6));
      expect(macFromBytes(macBytes(address))).toBe(address);
      expect(mac(address.toUpperCase().replaceAll(":", "-"))).toBe(address);
    });
  });

  test("made at random are unicast and locally administered", () => {
    forEachSeed(seeds, (random) => {
      const [first = 0] = macBytes(randomMac((bytes) => bytes.map(() => random.below(256))));
      expect(first & 0x03).toBe(0x02);
    });
  });
});
