// Policy rules in a real kernel, as ip-rule(8) sees them.
import { describe, expect, test } from "bun:test";
import { isErrno } from "#kernel/errno.ts";
import { Netns } from "#kernel/netns.ts";
import { cidr } from "#net/cidr.ts";
import { Sandbox } from "#test/sandbox.ts";
import { Connection } from "./connection.ts";
import { addRule, listRules, type Rule, removeRule } from "./rule.ts";

const rows: readonly (readonly [rule: Rule, shown: object])[] = [
  [
    { family: "ipv4", src: cidr("10.0.0.5/32"), table: 100, priority: 1000, action: "table" },
    { priority: 1000, src: "10.0.0.5", table: "100" },
  ],
  [
    { family: "ipv4", src: cidr("10.0.0.0/8"), dst: cidr("10.1.0.0/16"), table: 7000, priority: 5, action: "table" },
    { src: "10.0.0.0", srclen: 8, dst: "10.1.0.0", dstlen: 16, table: "7000" },
  ],
  [
    { family: "ipv4", iif: "lo", mark: { value: 0x10, mask: 0xff }, table: 9, priority: 6, action: "table" },
    { src: "all", iif: "lo", fwmark: "0x10", fwmask: "0xff", table: "9" },
  ],
  [
    { family: "ipv6", dst: cidr("fd00::/64"), oif: "eth7", priority: 7, action: "unreachable", invert: true },
    { not: null, dst: "fd00::", dstlen: 64, oif: "eth7", action: "unreachable" },
  ],
];

describe("rules", () => {
  for (const [rule, shown] of rows) {
    test(`ip rule shows what addRule() makes: priority ${rule.priority}`, () => {
      using box = new Sandbox();
      const ns = box.netns("rule");
      using netns = new Netns(ns.path);
      using route = new Connection("route", netns);
      const before = listRules(route, rule.family);
      const family = rule.family === "ipv6" ? "-6" : "-4";
      const shownAll = () => JSON.parse(box.sh(ns, ["ip", family, "-json", "rule"])) as readonly object[];

      route.apply([addRule(rule)]);
      expect(shownAll()).toContainEqual(expect.objectContaining(shown));
      expect(listRules(route, rule.family)).toContainEqual(rule);
      const [failure] = route.tryApply([addRule(rule)]);
      expect(isErrno(failure?.error, "EEXIST")).toBe(true);

      route.apply([removeRule(rule), removeRule(rule)]);
      expect(listRules(route, rule.family)).toEqual(before);
    });
  }

  test("a fresh namespace has the kernel's three rules, in order", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("rule").path);
    using route = new Connection("route", netns);
    expect(listRules(route, "ipv4")).toEqual([
      { family: "ipv4", priority: 0, table: 255, action: "table" },
      { family: "ipv4", priority: 32766, table: 254, action: "table" },
      { family: "ipv4", priority: 32767, table: 253, action: "table" },
    ]);
  });

  test("without a priority the kernel chooses one before the main table's", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("rule").path);
    using route = new Connection("route", netns);
    const rule: Rule = { family: "ipv4", src: cidr("10.0.0.5/32"), table: 100, action: "table" };
    route.apply([addRule(rule)]);
    expect(listRules(route, "ipv4")).toContainEqual({ ...rule, priority: 32765 });
    route.apply([removeRule(rule)]);
    expect(listRules(route, "ipv4")).toHaveLength(3);
  });
});
