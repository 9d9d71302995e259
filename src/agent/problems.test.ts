// What `twill status` tells of problems: whole sentences that begin as sentences do, whoever says them.

import { describe, expect, test } from "bun:test";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { type FabricMode, type FabricNode, wantFabric } from "./fabric/want.ts";
import { Following } from "./following.ts";
import { Incomplete } from "./policy/apply.ts";

const self: FabricNode = { name: "n1", addresses: [ip("172.30.0.11")], blocks: [cidr("10.244.1.0/24")] };

function fabricFaults(mode: FabricMode, other: Partial<FabricNode>, isOwn = true): readonly string[] {
  const others = [{ ...self, name: "n2", addresses: [ip("172.30.0.12")], blocks: [], ...other }];
  const wayTo = () => (mode === "auto" ? undefined : { ifindex: 2, onLink: false, mtu: 1500 });
  return wantFabric({ self, others, mode, wayTo, isOwn: () => isOwn }).faults;
}

function followingProblems(): readonly string[] {
  const following = new Following(() => {});
  for (const what of ["services", "policies"]) following.of(what).failed(new Error("ECONNREFUSED"));
  return following.problems;
}

function policyProblems(): readonly string[] {
  const incomplete = new Incomplete();
  incomplete.note("lists: Cannot write", "add list 1");
  return incomplete.problems;
}

describe("a problem", () => {
  const rows: readonly (readonly [whose: string, problems: readonly string[]])[] = [
    ["what is not followed", followingProblems()],
    ["policies", policyProblems()],
    ["nodes out of reach", fabricFaults("auto", {})],
    ["nodes on other links", fabricFaults("direct", {})],
    ["overlapping blocks", fabricFaults("vxlan", { blocks: self.blocks })],
    ["an address that is not there", fabricFaults("vxlan", {}, false)],
  ];
  for (const [whose, problems] of rows) {
    test(`of ${whose} is a sentence`, () => {
      expect(problems).not.toEqual([]);
      for (const problem of problems) expect(problem).toMatch(/^[A-Z][a-z]* .*[^.]$/);
    });
  }
});
