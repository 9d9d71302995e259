// Addresses of links in a real kernel, seen by ip(8).
import { describe, expect, test } from "bun:test";
import { type IfAddr, ifAddr } from "#net/cidr.ts";
import { NetlinkBox } from "#test/netlink-box.ts";
import { AddressFlag, type AddressOptions, addAddress, listAddresses, removeAddress } from "./address.ts";
import { addVeth } from "./link.ts";

/** A pair a (ifindex 10) and b (11), both up. */
function pair(): NetlinkBox {
  const at = new NetlinkBox();
  at.route.apply([addVeth({ name: "a", index: 10 }, { name: "b", index: 11 })]);
  for (const name of ["a", "b"]) at.ip("link", "set", "dev", name, "up");
  return at;
}

function seen(at: NetlinkBox, name: string): readonly Readonly<Record<string, unknown>>[] {
  const [link] = at.see("address", "show", "dev", name);
  const addresses = link?.["addr_info"] as readonly Readonly<Record<string, unknown>>[];
  return addresses.filter(({ local }) => !String(local).startsWith("fe80:"));
}

/** As `list` sees them, without the link's own. */
function listed(at: NetlinkBox, index?: number): readonly IfAddr[] {
  return listAddresses(at.route, index)
    .map(({ address }) => address)
    .filter((address) => !address.startsWith("fe80:"));
}

describe("addAddress()", () => {
  const rows: readonly (readonly [string, AddressOptions, Readonly<Record<string, unknown>>])[] = [
    ["10.0.0.5/24", {}, { family: "inet", local: "10.0.0.5", prefixlen: 24, broadcast: "10.0.0.255", scope: "global" }],
    ["10.0.0.5/31", {}, { local: "10.0.0.5", prefixlen: 31 }],
    ["10.0.0.5/32", {}, { local: "10.0.0.5", prefixlen: 32 }],
    ["10.0.0.5/24", { noPrefixRoute: true }, { local: "10.0.0.5", noprefixroute: true }],
    ["fd00::5/64", { noDad: true }, { family: "inet6", local: "fd00::5", prefixlen: 64, nodad: true }],
    ["fd00::5/128", { noDad: true, noPrefixRoute: true }, { prefixlen: 128, nodad: true, noprefixroute: true }],
  ];
  for (const [text, options, expected] of rows) {
    test(`adds ${text} with ${JSON.stringify(options)} once; removeAddress() takes it away, and again`, () => {
      using at = pair();
      const address = ifAddr(text);
      at.route.apply([addAddress(10, address, options)]);
      expect(seen(at, "a")).toMatchObject([expected]);
      expect(listed(at, 10)).toEqual([address]);
      const [again] = at.route.tryApply([addAddress(10, address, { ...options, dev: "a" })]);
      expect(again?.error.message).toStartWith(`Cannot add address ${address} dev a: EEXIST`);
      expect(at.route.tryApply([addAddress(10, address, { ...options, allow: ["EEXIST"] })])).toEqual([]);
      at.route.apply([removeAddress(10, address), removeAddress(10, address), removeAddress(99, address)]);
      expect([seen(at, "a"), listed(at, 10)]).toEqual([[], []]);
    });
  }

  test("without noPrefixRoute brings the route to its subnet, with it none", () => {
    using at = pair();
    const options = { noPrefixRoute: true };
    at.route.apply([addAddress(10, ifAddr("10.0.0.5/24")), addAddress(11, ifAddr("10.1.0.5/24"), options)]);
    expect(at.see("route", "show").map(({ dst }) => dst)).toEqual(["10.0.0.0/24"]);
  });

  test("an IPv6 address is tentative until nobody else has answered, with noDad at no time", () => {
    using at = pair();
    at.route.apply([addAddress(10, ifAddr("fd00::5/64")), addAddress(10, ifAddr("fd00::6/64"), { noDad: true })]);
    const flagsOf = (wanted: string) =>
      listAddresses(at.route, 10).find(({ address }) => address === wanted)?.flags ?? 0;
    expect(flagsOf("fd00::5/64") & AddressFlag.tentative).toBe(AddressFlag.tentative);
    expect(flagsOf("fd00::6/64") & (AddressFlag.tentative | AddressFlag.noDad)).toBe(AddressFlag.noDad);
  });

  test("names the link that is not there", () => {
    using at = new NetlinkBox();
    const add = () => at.route.apply([addAddress(99, ifAddr("10.0.0.5/24"))]);
    expect(add).toThrow("Cannot add address 10.0.0.5/24 dev #99: ENODEV");
  });
});

describe("listAddresses()", () => {
  test("tells those of one link from those of all", () => {
    using at = pair();
    at.ip("address", "add", "10.0.0.5/24", "dev", "a");
    at.ip("address", "add", "10.1.0.5/24", "dev", "b");
    at.ip("link", "set", "lo", "up");
    expect(listed(at, 11)).toEqual([ifAddr("10.1.0.5/24")]);
    expect([...listed(at)].sort()).toEqual(["10.0.0.5/24", "10.1.0.5/24", "127.0.0.1/8", "::1/128"].map(ifAddr).sort());
  });

  test("knows the far end of a point-to-point address", () => {
    using at = pair();
    at.ip("address", "add", "10.0.0.5", "peer", "10.9.0.1/32", "dev", "a");
    const [found] = listAddresses(at.route, 10).filter(({ peer }) => peer !== undefined);
    expect<object | undefined>(found).toMatchObject({ address: "10.0.0.5/32", peer: "10.9.0.1" });
  });

  test("lists every address of a long list once", () => {
    using at = pair();
    const all = Array.from({ length: 1000 }, (_, i) => ifAddr(`10.${i >> 8}.${i & 255}.5/32`));
    at.route.apply(all.map((address) => addAddress(10, address)));
    expect([...listed(at, 10)].sort()).toEqual([...all].sort());
  });
});
