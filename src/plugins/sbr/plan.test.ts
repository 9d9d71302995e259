// Plans of source based routing, as text.
import { describe, expect, test } from "bun:test";
import type { IpConfig } from "#cni/result.ts";
import { cidr, ifAddr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { formatRoute, type Route } from "#netlink/route.ts";
import { formatRule } from "#netlink/rule.ts";
import { planSbr } from "./plan.ts";

const plain = { table: undefined, gateways: { ipv4: undefined, ipv6: undefined }, addSourceHints: false };

function address(text: string, gateway?: string): IpConfig {
  return { address: ifAddr(text), ...(gateway === undefined ? {} : { gateway: ip(gateway) }) };
}

function route(dst: string, gateway?: string, prefSrc?: string): Route {
  return {
    ...{ dst: cidr(dst), oif: 3, gateway: gateway === undefined ? undefined : ip(gateway) },
    ...{ prefSrc: prefSrc === undefined ? undefined : ip(prefSrc), table: 254 },
  };
}

function show(...input: Parameters<typeof planSbr>): readonly string[] {
  const { rules, added, removed, hints } = planSbr(...input);
  return [
    ...rules.map((rule) => `rule ${formatRule(rule)}`),
    ...added.map((each) => `add ${formatRoute(each)}`),
    ...removed.map((each) => `remove ${formatRoute(each)}`),
    ...hints.map((each) => `hint ${formatRoute(each)}`),
  ];
}

describe("planSbr()", () => {
  const main = [route("10.1.0.0/24", undefined, "10.1.0.2"), route("10.9.0.0/16", "10.1.0.7")];

  test("moves the interface's routes into a table of their own", () => {
    expect(show([address("10.1.0.2/24", "10.1.0.1")], 3, main, plain, () => true)).toEqual([
      "rule from 10.1.0.2/32 lookup 100",
      "add default via 10.1.0.1 dev #3 table 100",
      "add 10.1.0.0/24 dev #3 table 100 src 10.1.0.2",
      "add 10.9.0.0/16 via 10.1.0.7 dev #3 table 100",
      "remove 10.1.0.0/24 dev #3 src 10.1.0.2",
      "remove 10.9.0.0/16 via 10.1.0.7 dev #3",
    ]);
  });

  test("gives each address the first table that is free, and the routes of its subnet", () => {
    const ips = [address("10.1.0.2/24"), address("10.2.0.2/24", "10.2.0.1")];
    const routes = [...main, route("10.2.0.0/24", undefined, "10.2.0.2"), route("10.7.0.0/16")];
    expect(show(ips, 3, routes, plain, (table) => table !== 100 && table !== 102)).toEqual([
      "rule from 10.1.0.2/32 lookup 101",
      "rule from 10.2.0.2/32 lookup 103",
      "add 10.1.0.0/24 dev #3 table 101 src 10.1.0.2",
      "add 10.9.0.0/16 via 10.1.0.7 dev #3 table 101",
      "add 10.7.0.0/16 dev #3 table 101",
      "add default via 10.2.0.1 dev #3 table 103",
      "add 10.2.0.0/24 dev #3 table 103 src 10.2.0.2",
      "add 10.7.0.0/16 dev #3 table 103",
      ...["10.1.0.0/24 dev #3 src 10.1.0.2", "10.9.0.0/16 via 10.1.0.7 dev #3"].map((each) => `remove ${each}`),
      ...["10.2.0.0/24 dev #3 src 10.2.0.2", "10.7.0.0/16 dev #3"].map((each) => `remove ${each}`),
    ]);
  });

  test("copies routes by a gateway outside of all subnets (the reference loses them)", () => {
    const routes = [route("169.254.1.1/32"), route("0.0.0.0/0", "169.254.1.1")];
    expect(show([address("10.1.0.2/32")], 3, routes, plain, () => true)).toContain(
      "add default via 169.254.1.1 dev #3 table 100",
    );
  });

  test("leaves routes of a family without an address, and link-local ones (the reference removes them)", () => {
    const routes = [route("fe80::/64"), route("fd00:1::/64")];
    expect(show([address("10.1.0.2/24")], 3, routes, plain, () => true)).toEqual(["rule from 10.1.0.2/32 lookup 100"]);
    expect(show([address("fd00:1::2/64")], 3, routes, plain, () => true)).toEqual([
      "rule from fd00:1::2/128 lookup 100",
      "add fe80::/64 dev #3 table 100",
      "add fd00:1::/64 dev #3 table 100",
      "remove fd00:1::/64 dev #3",
    ]);
  });

  test("takes the configured gateways before the addresses' own", () => {
    const gateways = { ipv4: ip("10.1.0.9"), ipv6: ip("fd00:1::9") };
    const ips = [address("10.1.0.2/24", "10.1.0.1"), address("fd00:1::2/64")];
    expect(show(ips, 3, [], { ...plain, gateways }, () => true).slice(2)).toEqual([
      "add default via 10.1.0.9 dev #3 table 100",
      "add default via fd00:1::9 dev #3 table 101",
    ]);
  });

  test("with hints leaves a route to each subnet, with the address as source", () => {
    const plan = show([address("10.1.0.2/24")], 3, main, { ...plain, addSourceHints: true }, () => true);
    expect(plan.at(-1)).toBe("hint 10.1.0.0/24 dev #3 src 10.1.0.2");
  });

  test("with a table makes rules alone", () => {
    const ips = [address("10.1.0.2/24", "10.1.0.1"), address("fd00:1::2/64")];
    expect(show(ips, 3, main, { ...plain, table: 7 }, () => false)).toEqual([
      "rule from 10.1.0.2/32 lookup 7",
      "rule from fd00:1::2/128 lookup 7",
    ]);
  });
});
