// Tests nftables by libnftables in namespaces, seen by nft(8).

import { describe, expect, test } from "bun:test";
import { Sandbox } from "#test/sandbox.ts";
import { isErrno } from "./errno.ts";
import { Netns } from "./netns.ts";
import { Nftables, NftError } from "./nftables.ts";

function errorOf(run: () => void): NftError {
  try {
    run();
  } catch (error) {
    if (error instanceof NftError) return error;
    throw error;
  }
  throw new Error("Nothing was thrown");
}

describe("Nftables", () => {
  test("changes the namespace that it was made for, by JSON and by text, and lists it", () => {
    using box = new Sandbox();
    const [here, there] = [box.netns("here"), box.netns("there")];
    using netns = new Netns(here.path);
    using nft = new Nftables(netns);
    nft.run([{ add: { table: { family: "inet", name: "a" } } }]);
    nft.runText("add chain inet a x\nadd rule inet a x accept");
    expect(box.sh(here, ["nft", "list", "tables"])).toBe("table inet a\n");
    expect(box.sh(there, ["nft", "list", "tables"])).toBe("");
    const kinds = nft.list({ table: { family: "inet", name: "a" } }).map((object) => Object.keys(object)[0]);
    expect(kinds).toEqual(["table", "chain", "rule"]);
    expect(nft.list({ tables: null })).toHaveLength(1);
  });

  test("a transaction is all or nothing", () => {
    using box = new Sandbox();
    const node = box.netns("node");
    using netns = new Netns(node.path);
    using nft = new Nftables(netns);
    const add = { add: { table: { family: "inet", name: "a" } } };
    expect(() => nft.run([add, { delete: { table: { family: "inet", name: "missing" } } }])).toThrow(NftError);
    expect(() => nft.runText("add table inet a\nadd rule inet a missing accept")).toThrow(NftError);
    expect(box.sh(node, ["nft", "list", "tables"])).toBe("");
  });

  test("errors carry the kernel's number and name the commands", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("node").path);
    using nft = new Nftables(netns);
    nft.runText("add table inet a\nadd map inet a m { type inet_service : ipv4_addr; }");
    nft.runText("add element inet a m { 80 : 10.0.0.1 }");
    const rows: readonly (readonly [text: string, errno: string])[] = [
      ["add rule inet nowhere x accept", "ENOENT"],
      ["delete element inet a m { 81 }", "ENOENT"],
      ["create element inet a m { 80 : 10.0.0.1 }", "EEXIST"],
      ["create table inet a", "EEXIST"],
      ["this is no command", "EINVAL"],
    ];
    for (const [text, errno] of rows) {
      const error = errorOf(() => nft.runText(text));
      expect([text, error.errnoName]).toEqual([text, errno]);
      expect(isErrno(error, errno)).toBe(true);
      expect(error.message).toStartWith(`Cannot change nftables by ${text}: ${errno} (`);
    }
    const json = errorOf(() => nft.run([{ delete: { table: { family: "inet", name: "missing" } } }]));
    expect(json.errnoName).toBe("ENOENT");
  });

  test("a closed one says so", () => {
    using box = new Sandbox();
    using netns = new Netns(box.netns("node").path);
    const nft = new Nftables(netns);
    nft[Symbol.dispose]();
    nft[Symbol.dispose]();
    expect(() => nft.runText("add table inet a")).toThrow("The nftables context is closed already");
  });
});
