// DEL under every circumstance that runtimes bring about, as a table of tests for one plugin.

import { describe, expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Plugin } from "#cni/plugin.ts";
import type { Host } from "#plugins/host.ts";
import { TestAttachment } from "./attachment.ts";
import { testHost } from "./host.ts";
import { HostLocal } from "./ipam.ts";
import { linkNames } from "./link-witness.ts";
import { type Netns, Sandbox } from "./sandbox.ts";

export type DelMatrix = {
  readonly plugin: Plugin<Host>;
  /** Prepares node and container; returns the configuration without IPAM. */
  readonly setUp: (box: Sandbox, node: Netns, container: Netns) => JsonObject;
  /** Circumstances of this plugin's own. */
  readonly rows?: readonly DelRow[];
};

export type DelRow = {
  /** Completes "DEL releases the addresses …". */
  readonly when: string;
  /** Happens between ADD and DEL. */
  readonly before?: (box: Sandbox, node: Netns, container: Netns) => void;
  /** What DEL gets as CNI_NETNS, where it is not the container's. */
  readonly netns?: string;
  readonly withoutPrevResult?: boolean;
};

const rows: readonly DelRow[] = [
  { when: "as ADD left them" },
  { when: "without prevResult", withoutPrevResult: true },
  { when: "with CNI_NETNS empty", netns: "" },
  { when: "with a CNI_NETNS that is gone", netns: "/run/netns/never-was" },
  { when: "with a CNI_NETNS that is no namespace", netns: "/dev/null" },
  {
    when: "with the interface gone",
    before: (box, _, container) => box.sh(container, ["ip", "link", "del", "eth0"]),
  },
];

/** Declares the tests: each DEL succeeds, twice, releases the addresses and leaves no link it could reach. */
export function testDelMatrix({ plugin, setUp, rows: more = [] }: DelMatrix): void {
  describe(`DEL of ${plugin.name} releases the addresses and removes the link`, () => {
    for (const row of [...rows, ...more]) {
      test(row.when, async () => {
        using box = new Sandbox();
        const node = box.netns("node");
        const container = box.netns("container");
        using host = testHost(box, node);
        const ipam = new HostLocal(box);
        const conf = { ...setUp(box, node, container), ...ipam.conf };
        const before = linkNames(box, container);
        const attachment = new TestAttachment({ plugin, host, conf, netns: container.path });
        await attachment.add();
        expect(ipam.held()).toHaveLength(2);
        row.before?.(box, node, container);
        if (row.withoutPrevResult) attachment.result = undefined;
        const changes = row.netns === undefined ? {} : { netns: row.netns };
        await attachment.del(changes);
        await attachment.del(changes);
        expect(ipam.held()).toEqual([]);
        if (row.netns === undefined) expect(linkNames(box, container)).toEqual(before);
      });
    }
  });
}
