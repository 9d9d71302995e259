// Addresses of services that a watch shows late: they are given once.

import { describe, expect, test } from "bun:test";
import { type Ip, ip } from "#net/ip.ts";
import { type BalancerWish, planBalancers } from "./balancer-addresses.ts";
import { readBalancerPools } from "./balancer-pools.ts";
import { GivenAddresses } from "./given-addresses.ts";

const pools = readBalancerPools(["192.0.2.1-192.0.2.2"]);
const [first, second] = [ip("192.0.2.1"), ip("192.0.2.2")];

/** As its watch shows it at this revision. */
function service(name: string, revision: number, has: readonly Ip[] = [], uid = name): BalancerWish {
  return {
    ...{ name, uid, revision, createdAt: name, isOurs: true, isFree: false },
    ...{ families: ["ipv4"], asked: [], pool: undefined, has },
    sharing: { with: undefined, ports: [], localTo: undefined },
  };
}

function planned(given: GivenAddresses, ...seen: readonly BalancerWish[]): readonly string[] {
  return planBalancers(pools, given.added(seen)).give.map(
    ({ service, addresses }) => `${service.name} ${addresses.join()}`,
  );
}

describe("GivenAddresses", () => {
  test("an older service does not get what was given to a younger one and is not seen yet, not even while it is written", () => {
    const given = new GivenAddresses();
    given.note(service("b", 1), [first]);
    expect(planned(given, service("a", 2), service("b", 1))).toEqual([`a ${second}`]);
    given.written(service("b", 1), 5);
    expect(planned(given, service("a", 2), service("b", 1))).toEqual([`a ${second}`]);
  });

  test("what somebody changed before, and is seen afterwards, frees nothing", () => {
    const given = new GivenAddresses();
    given.note(service("b", 1), [first]);
    given.written(service("b", 1), 5);
    expect(planned(given, service("a", 2), service("b", 4))).toEqual([`a ${second}`]);
  });

  test("once the write is seen, what the watch shows counts, also when somebody took the address away", () => {
    const given = new GivenAddresses();
    given.note(service("b", 1), [first]);
    given.written(service("b", 1), 5);
    expect(planned(given, service("b", 5, [first]))).toEqual([]);
    expect(planned(given, service("b", 6))).toEqual([`b ${first}`]);
  });

  test("what a service did not get after all is free again", () => {
    const given = new GivenAddresses();
    given.note(service("b", 1), [first]);
    given.forget(service("b", 1));
    expect(planned(given, service("a", 2), service("b", 1))).toEqual([`a ${first}`, `b ${second}`]);
  });

  test("a service that comes back under its name is another", () => {
    const given = new GivenAddresses();
    given.note(service("b", 1), [first]);
    expect(planned(given, service("b", 3, [], "another"))).toEqual([`b ${first}`]);
  });
});
