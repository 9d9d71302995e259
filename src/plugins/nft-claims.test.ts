// Tests the names that elements of nftables carry.

import { describe, expect, test } from "bun:test";
import { chainSuffix, ownerComment } from "./nft-claims.ts";

/** libnftables shows no comment that is longer. */
const maxCommentBytes = 127;
const owner = { network: "shop", containerId: "abc123", ifname: "eth0", plugin: "portmap" };

describe("ownerComment()", () => {
  test("is the owner in words", () => {
    expect(ownerComment(owner)).toBe("shop/abc123:eth0:portmap");
  });

  test("is cut where the words are too long for nftables, and still tells owners apart", () => {
    const networks = ["x".repeat(200), `${"x".repeat(199)}y`, "€".repeat(90), "€".repeat(91)];
    const comments = networks.map((network) => ownerComment({ ...owner, network, containerId: "f".repeat(64) }));
    expect(new Set(comments).size).toBe(networks.length);
    for (const comment of comments) {
      expect(Buffer.byteLength(comment)).toBeLessThanOrEqual(maxCommentBytes);
      expect(comment).toEndWith(":eth0:portmap");
    }
  });
});

test("chainSuffix() keeps different blocks apart in letters that nft takes", () => {
  const blocks = ["10.1.0.0/16", "fd00::/64", "fd00:0:1::/64", "::/0"];
  const suffixes = blocks.map(chainSuffix);
  expect(new Set(suffixes).size).toBe(blocks.length);
  for (const suffix of suffixes) expect(suffix).toMatch(/^[0-9a-f._/]+$/);
});
