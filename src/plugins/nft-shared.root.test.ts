// Elements of nftables that a whole network shares, while its containers come and go at once.

import { expect, test } from "bun:test";
import { nftIfname } from "#netlink/nft-element.ts";
import { testHost } from "#test/host.ts";
import { Sandbox } from "#test/sandbox.ts";
import type { Claim } from "./nft-claims.ts";
import { setUpText } from "./nft-claims.ts";
import { checkShared, shareElements, unshareElements } from "./nft-shared.ts";

const claims: readonly Claim[] = [{ table: "shared", set: "bridges", key: [nftIfname("br0")] }];
const setUp = () => setUpText("inet", "shared", ["set bridges { type ifname; }"], []);

test("what the last container gives back stays when another one comes meanwhile, although that finds all in place", () => {
  using box = new Sandbox();
  const node = box.netns("node");
  using leaving = testHost(box, node);
  using coming = testHost(box, node);
  shareElements(leaving, "net", claims, setUp);
  let isNeeded = false;
  unshareElements(leaving, "net", claims, () => {
    const wasNeeded = isNeeded;
    if (!isNeeded) shareElements(coming, "net", claims, setUp);
    isNeeded = true;
    return wasNeeded;
  });
  expect(checkShared(coming, claims)).toEqual([]);
  unshareElements(leaving, "net", claims, () => false);
  expect(checkShared(coming, claims)).toEqual(["element br0 of bridges in nftables table inet shared is missing"]);
});
