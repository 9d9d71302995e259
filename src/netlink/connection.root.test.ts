// A connection to a real kernel: batches, errors in the kernel's words, dumps longer than one datagram.
import { describe, expect, test } from "bun:test";
import { isErrno, KernelError } from "#kernel/errno.ts";
import { Netns } from "#kernel/netns.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { Sandbox } from "#test/sandbox.ts";
import { Connection } from "./connection.ts";
import { findLink } from "./link.ts";
import { addNeighbour, listNeighbours, removeNeighbour } from "./neighbour.ts";
import { addRoute } from "./route.ts";
import { addRule, listRules, type Rule, removeRule } from "./rule.ts";

function rule(priority: number): Rule {
  return { family: "ipv4", src: cidr("10.0.0.5/32"), table: 100, priority, action: "table" };
}

function errorOf(run: () => unknown): KernelError {
  try {
    run();
  } catch (error) {
    if (error instanceof KernelError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown");
}

describe("Connection", () => {
  test("goes on after a request that fails, and tells which", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("con").path);
    using route = new Connection("route", netns);
    const requests = [rule(1), rule(2), rule(1), rule(3), rule(2), rule(4)].map(addRule);
    const failures = route.tryApply(requests);
    expect(failures.map(({ request, error }) => [requests.indexOf(request), error.errnoName])).toEqual([
      [2, "EEXIST"],
      [4, "EEXIST"],
    ]);
    expect(listRules(route, "ipv4")).toHaveLength(7);
  });

  test("tells of a last request that fails, and is ready for the next", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("con").path);
    using route = new Connection("route", netns);
    expect(route.tryApply([rule(1), rule(1)].map(addRule))).toHaveLength(1);
    expect(route.tryApply([addRule(rule(2))])).toEqual([]);
    expect(route.tryApply([])).toEqual([]);
  });

  test("throws the first failure in the kernel's own words", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("con").path);
    using route = new Connection("route", netns);
    const add = addRoute({ dst: cidr("10.1.0.0/16"), gateway: ip("192.0.2.1") });
    expect(errorOf(() => route.apply([add])).message).toBe(
      `Cannot ${add.text}: ENETUNREACH (Nexthop has invalid gateway)`,
    );
  });

  test("does not count allowed errors", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("con").path);
    using route = new Connection("route", netns);
    route.apply([addRule(rule(1)), { ...addRule(rule(1)), allow: ["EEXIST"] }, removeRule(rule(9))]);
    expect(listRules(route, "ipv4")).toHaveLength(4);
  });

  test("hands every request's text to its trace", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("con").path);
    const texts: string[] = [];
    using route = new Connection("route", netns, (text) => texts.push(text));
    route.apply([addRule(rule(1)), removeRule(rule(1))]);
    expect(texts).toEqual([
      "add rule priority 1 from 10.0.0.5/32 lookup 100",
      "remove rule priority 1 from 10.0.0.5/32 lookup 100",
    ]);
  });

  test("applies and lists more than one datagram holds", () => {
    using box = new Sandbox();
    const ns = box.netns("con");
    box.sh(ns, "ip link add v0 index 10 type veth peer name v1".split(" "));
    using netns = new Netns(ns.path);
    using route = new Connection("route", netns);
    const count = 1000;
    const all = Array.from({ length: count }, (_, i) => ({
      ...{ ifindex: 10, mac: mac("02:00:00:00:00:0a") },
      address: ip(`10.0.${i >> 8}.${i & 0xff}`),
    }));
    route.apply(all.map(addNeighbour));
    expect(new Set(listNeighbours(route).map(({ address }) => address)).size).toBe(count);
    route.apply(all.map(removeNeighbour));
    expect(listNeighbours(route).filter(({ state }) => state === "permanent")).toEqual([]);
  });

  test("tells of every failure of a long batch, in order", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("con").path);
    using route = new Connection("route", netns);
    const requests = Array.from({ length: 3000 }, () => addRule(rule(1)));
    const failures = route.tryApply(requests);
    expect(failures.map(({ request }) => requests.indexOf(request))).toEqual(
      Array.from({ length: 2999 }, (_, i) => i + 1),
    );
    expect(listRules(route, "ipv4")).toHaveLength(4);
  });

  test("finds one object, or nothing", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("con").path);
    using route = new Connection("route", netns);
    expect(findLink(route, "lo")?.index).toBe(1);
    expect(findLink(route, "eth99")).toBeUndefined();
  });

  test("is in its namespace, whatever the others are in", () => {
    using box = new Sandbox();
    const [one, two] = [box.netns("one"), box.netns("two")];
    using first = new Netns(one.path);
    using second = new Netns(two.path);
    using routeOne = new Connection("route", first);
    using routeTwo = new Connection("route", second);
    routeOne.apply([addRule(rule(1))]);
    expect([routeOne, routeTwo].map((route) => listRules(route, "ipv4").length)).toEqual([4, 3]);
    expect(box.sh(two, ["ip", "rule"]).split("\n").filter(Boolean)).toHaveLength(3);
  });

  test("says so when it is used after its end", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("con").path);
    const route = new Connection("route", netns);
    route[Symbol.dispose]();
    route[Symbol.dispose]();
    expect(() => listRules(route, "ipv4")).toThrow("The descriptor is closed already");
  });

  test("carries the error's name for code that asks", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("con").path);
    using route = new Connection("route", netns);
    const error = errorOf(() =>
      route.apply([addNeighbour({ ifindex: 99, address: ip("10.0.0.1"), mac: mac("02:00:00:00:00:01") })]),
    );
    expect([error.errnoName, isErrno(error, "ENODEV"), isErrno(error, "ENOENT")]).toEqual(["ENODEV", true, false]);
  });
});
