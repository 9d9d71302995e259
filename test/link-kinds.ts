// Links of every kind as a table: made by our library, seen by ip(8), read back, removed.

import { describe, expect, test } from "bun:test";
import { addLink, findLink, type LinkSettings, listLinks, removeLink } from "#netlink/link.ts";
import type { LinkInfo } from "#netlink/link-message.ts";
import { NetlinkBox } from "./netlink-box.ts";

export type LinkRow = {
  readonly info: LinkInfo;
  readonly settings?: Omit<LinkSettings, "netns" | "name">;
  /** What `ip -json -details link show` tells of it. */
  readonly seen: Readonly<Record<string, unknown>>;
};

/** Ifindex of the link that rows may have as their parent. */
export const parentIndex = 10;

/** Declares the tests. */
export function testLinkKinds(rows: readonly LinkRow[]): void {
  describe("addLink() makes", () => {
    for (const { info, settings = {}, seen } of rows) {
      test(`${info.kind} ${JSON.stringify({ ...settings, ...("data" in info ? info.data : {}) })}`, () => {
        using at = new NetlinkBox();
        at.ip("link", "add", "parent", "index", String(parentIndex), "type", "veth", "peer", "name", "far");
        at.route.apply([addLink({ name: "x0", index: 77, ...settings }, info)]);
        const kind = info.kind === "other" ? info.name : info.kind;
        const [link] = at.see("link", "show", "dev", "x0");
        expect(link).toMatchObject({ ifindex: 77, linkinfo: { info_kind: kind }, ...seen });

        // What was asked for is read back; what the kernel has beside it changes by itself, as a bridge's timers run down.
        const listed = listLinks(at.route).find(({ index }) => index === 77);
        for (const found of [findLink(at.route, "x0"), findLink(at.route, 77), listed])
          expect(found).toMatchObject({ index: 77, name: "x0", ...settings, info });

        at.route.apply([removeLink(77, "x0"), removeLink(77, "x0")]);
        expect(findLink(at.route, "x0")).toBeUndefined();
      });
    }
  });
}
