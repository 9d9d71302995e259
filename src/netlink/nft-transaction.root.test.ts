// Tests transactions and elements of nftables by netlink against a real kernel, seen and made by nft(8).

import { describe, expect, test } from "bun:test";
import { isErrno } from "#kernel/errno.ts";
import { Netns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import {
  createElement,
  holdsSame,
  type NftElement,
  nftIfname,
  nftIp,
  nftPort,
  nftProtocol,
  removeChain,
  removeElement,
} from "./nft-element.ts";
import { NftTransactions } from "./nft-transaction.ts";

const table = "t";
const setUp = [
  "add table inet t",
  "add map inet t ports { type inet_proto . inet_service : ipv6_addr . inet_service; }",
  "add map inet t pods { type ipv4_addr : verdict; }",
  "add set inet t links { type ifname . ifname; }",
  "add chain inet t way",
  "add rule inet t way accept",
].join("; ");

function node(box: Sandbox): BoxNetns {
  const ns = box.netns("node");
  box.sh(ns, ["nft", setUp]);
  return ns;
}

const port: NftElement = {
  ...{ table, set: "ports", comment: "shop/a:eth0" },
  key: [nftProtocol("udp"), nftPort(53)],
  value: [nftIp(ip("fd00::1")), nftPort(5353)],
};
const pod: NftElement = { table, set: "pods", comment: "b", key: [nftIp(ip("10.0.0.1"))], verdict: { goto: "way" } };
const rows: readonly (readonly [element: NftElement, shown: string])[] = [
  [port, 'udp . 53 comment "shop/a:eth0" : fd00::1 . 5353'],
  [pod, '10.0.0.1 comment "b" : goto way'],
  [{ ...pod, verdict: "drop" }, '10.0.0.1 comment "b" : drop'],
  [{ ...pod, verdict: "return" }, '10.0.0.1 comment "b" : return'],
  [
    { table, set: "links", comment: "c", key: [nftIfname("cni0"), nftIfname("a-name-of-15-b1")] },
    '"cni0" . "a-name-of-15-b1" comment "c"',
  ],
];

describe("elements of nftables", () => {
  for (const [element, shown] of rows) {
    test(`${shown} reads for nft(8) as it was made, and comes back`, () => {
      using box = new Sandbox();
      const ns = node(box);
      using netns = new Netns(ns.path);
      using transactions = new NftTransactions(netns);
      expect(transactions.find(element)).toBeUndefined();
      transactions.apply([createElement(element)]);
      expect(box.sh(ns, ["nft", "list", "ruleset"])).toContain(`elements = { ${shown} }`);
      const held = transactions.find(element);
      expect(held?.comment).toBe(element.comment ?? "");
      expect(held !== undefined && holdsSame(held, element)).toBe(true);
      transactions.apply([removeElement(element)]);
      expect(transactions.find(element)).toBeUndefined();
    });
  }

  test("another value is not the same", () => {
    using box = new Sandbox();
    using netns = new Netns(node(box).path);
    using transactions = new NftTransactions(netns);
    transactions.apply([createElement(port), createElement(pod)]);
    const [heldPort, heldPod] = [transactions.find(port), transactions.find(pod)];
    expect(heldPort && holdsSame(heldPort, { ...port, value: [nftIp(ip("fd00::1")), nftPort(5354)] })).toBe(false);
    expect(heldPod && holdsSame(heldPod, { ...pod, verdict: "accept" })).toBe(false);
  });
});

describe("transactions of nftables", () => {
  test("are all or nothing, and tell the first failure", () => {
    using box = new Sandbox();
    const ns = node(box);
    using netns = new Netns(ns.path);
    using transactions = new NftTransactions(netns);
    const missing = { ...pod, verdict: { goto: "missing" } };
    const message = "Cannot add element 10.0.0.1 of pods in nftables table inet t: ENOENT";
    expect(() => transactions.apply([createElement(port), createElement(missing)])).toThrow(message);
    expect(transactions.find(port)).toBeUndefined();
    transactions.apply([createElement(port)]);
    let error: unknown;
    try {
      transactions.apply([createElement(pod), createElement(port)]);
    } catch (caught) {
      error = caught;
    }
    expect(isErrno(error, "EEXIST")).toBe(true);
    expect(transactions.find(pod)).toBeUndefined();
  });

  test("a chain goes with the last element that leads to it, and not before", () => {
    using box = new Sandbox();
    const ns = node(box);
    using netns = new Netns(ns.path);
    using transactions = new NftTransactions(netns);
    const way = { table, chain: "way" };
    expect(transactions.usesOf(way)).toBe(1);
    expect(transactions.countRules(way)).toBe(1);
    transactions.apply([createElement(pod)]);
    expect(transactions.usesOf(way)).toBe(2);
    expect(() => transactions.apply([removeChain(way)])).toThrow("EBUSY");
    transactions.apply([removeElement(pod), removeChain(way)]);
    expect(transactions.usesOf(way)).toBe(0);
    expect(transactions.countRules({ table: "missing", chain: "way" })).toBe(0);
  });

  test("what is decided by reading is decided anew when somebody changed nftables meanwhile", () => {
    using box = new Sandbox();
    const ns = node(box);
    using netns = new Netns(ns.path);
    using transactions = new NftTransactions(netns);
    let runs = 0;
    transactions.applyUnchanged(() => {
      runs++;
      if (runs < 3) box.sh(ns, ["nft", `add chain inet t other${runs}`]);
      return [createElement(port)];
    });
    expect(runs).toBe(3);
    expect(transactions.find(port)?.comment).toBe("shop/a:eth0");
  });

  test("what is read while somebody changes nftables is read anew, so that all of it is of one moment", () => {
    using box = new Sandbox();
    const ns = node(box);
    using netns = new Netns(ns.path);
    using transactions = new NftTransactions(netns);
    const way = { table, chain: "way" };
    let runs = 0;
    const seen = transactions.readUnchanged(() => {
      const before = transactions.countRules(way);
      if (runs++ < 2) box.sh(ns, ["nft", "add rule inet t way counter"]);
      return [before, transactions.countRules(way)];
    });
    expect([runs, seen]).toEqual([3, [3, 3]]);
  });

  test("give up when others never stop", () => {
    using box = new Sandbox();
    using netns = new Netns(node(box).path);
    using transactions = new NftTransactions(netns);
    using others = new NftTransactions(netns);
    const flip = () => others.apply([others.find(pod) === undefined ? createElement(pod) : removeElement(pod)]);
    const change = () => {
      flip();
      return [createElement(port)];
    };
    expect(() => transactions.applyUnchanged(change)).toThrow("Cannot change nftables: others changed it 100 times");
    expect(() => transactions.readUnchanged(flip)).toThrow("Cannot read nftables: others changed it 100 times");
  });
});
