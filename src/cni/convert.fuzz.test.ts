// Laws of the conversion between result versions: what a version can express survives it.
import { describe, expect, test } from "bun:test";
import { familyOfCidr, type IfAddr, joinIfAddr, networkOf } from "#net/cidr.ts";
import { type Family, type Ip, ipFromBytes } from "#net/ip.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import { decodeResult, encodeResult } from "./convert.ts";
import type { Json } from "./json.ts";
import type { CniRoute, Dns, Interface, IpConfig, Result } from "./result.ts";
import { atLeast, type SpecVersion, specVersions } from "./version.ts";

// Results that a version can express: encoding and decoding such a one must give it back.

function representable(random: Random, version: SpecVersion): Result {
  if (!atLeast(version, "0.3.0")) return representableByFamily(random);
  const interfaces = random.list(4, () => interfaceOf(random, atLeast(version, "1.0.0")));
  return {
    interfaces,
    ips: random.list(4, () => ({
      ...(random.bool() ? { interface: random.below(4) } : {}),
      ...ipConfig(random, random.pick(["ipv4", "ipv6"])),
    })),
    routes: random.list(4, () => routeOf(random)),
    dns: dnsOf(random),
  };
}

function representableByFamily(random: Random): Result {
  const families = random.pick<Family[]>([["ipv4"], ["ipv6"], ["ipv4", "ipv6"]]);
  const routes = (family: Family) =>
    random.list(3, () => {
      const { dst, gw } = routeOf(random);
      return { dst, ...(gw === undefined ? {} : { gw }), family };
    });
  return {
    interfaces: [],
    ips: families.map((family) => ipConfig(random, family)),
    routes: families.flatMap((family) =>
      routes(family)
        .filter(({ dst }) => familyOfCidr(dst) === family)
        .map(({ family: _, ...route }) => route),
    ),
    dns: dnsOf(random),
  };
}

function interfaceOf(random: Random, newest: boolean): Interface {
  return {
    name: random.text(random.int(1, 15)),
    ...(random.bool() ? { mac: "02:00:00:00:00:01" } : {}),
    ...(random.bool() ? { sandbox: `/run/netns/${random.text(5)}` } : {}),
    ...(newest && random.bool() ? { mtu: random.int(1, 65535) } : {}),
    ...(newest && random.bool() ? { socketPath: "/run/s", pciID: "0000:04:00.5" } : {}),
  };
}

function ipConfig(random: Random, family: Family): IpConfig {
  return { address: address(random, family), ...(random.bool() ? { gateway: ipOf(random, family) } : {}) };
}

function routeOf(random: Random): CniRoute {
  const family = random.pick(["ipv4", "ipv6"] as const);
  return {
    dst: networkOf(address(random, family)),
    ...(random.bool() ? { gw: ipOf(random, family) } : {}),
    ...(random.bool() ? { mtu: random.int(1, 65535), advmss: random.int(1, 65535) } : {}),
    ...(random.bool() ? { priority: random.int(1, 0xffff_ffff) } : {}),
    ...(random.bool() ? { table: random.int(0, 0xffff_ffff), scope: random.below(256) } : {}),
  };
}

function dnsOf(random: Random): Dns {
  const words = () => Array.from({ length: random.int(1, 3) }, () => random.text(5));
  return {
    ...(random.bool() ? { nameservers: words() } : {}),
    ...(random.bool() ? { domain: random.text(5) } : {}),
    ...(random.bool() ? { search: words(), options: words() } : {}),
  };
}

function address(random: Random, family: Family): IfAddr {
  return joinIfAddr(ipOf(random, family), random.int(0, family === "ipv4" ? 32 : 128));
}

function ipOf(random: Random, family: Family): Ip {
  return ipFromBytes(random.bytes(family === "ipv4" ? 4 : 16));
}

describe("decodeResult() gives back what encodeResult() wrote in", () => {
  for (const version of specVersions) {
    test(version, () => {
      forEachSeed(500, (random) => {
        const result = representable(random, version);
        const printed = JSON.parse(JSON.stringify(encodeResult(result, version))) as Json;
        // The version in the text decides, not the one assumed.
        expect(decodeResult(printed, random.pick(specVersions))).toStrictEqual(result);
      });
    });
  }
});

test("the case of keys makes no difference", () => {
  forEachSeed(500, (random) => {
    const version = random.pick(specVersions);
    const printed = JSON.parse(JSON.stringify(encodeResult(representable(random, version), version))) as Json;
    expect(decodeResult(shuffleCase(random, printed), "1.1.0")).toStrictEqual(decodeResult(printed, "1.1.0"));
  });
});

test("an old version says no more than a new one", () => {
  forEachSeed(500, (random) => {
    const result = representable(random, "0.2.0");
    for (const version of specVersions) {
      expect(decodeResult(encodeResult(result, version), version)).toStrictEqual(result);
    }
  });
});

function shuffleCase(random: Random, json: Json): Json {
  if (Array.isArray(json)) return json.map((each: Json) => shuffleCase(random, each));
  if (typeof json !== "object" || json === null) return json;
  return Object.fromEntries(
    Object.entries(json).map(([key, value]) => [
      [...key].map((letter) => (random.bool() ? letter.toUpperCase() : letter.toLowerCase())).join(""),
      shuffleCase(random, value),
    ]),
  );
}
