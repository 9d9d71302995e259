// A node, a container and attachments of the one to the other, for tests of one main plugin.

import { expect, test } from "bun:test";
import type { JsonObject } from "#cni/json.ts";
import type { Plugin } from "#cni/plugin.ts";
import type { Host } from "#plugins/host.ts";
import { type AttachmentOptions, TestAttachment } from "./attachment.ts";
import { testHost } from "./host.ts";
import { linkNames } from "./link-witness.ts";
import { type Netns, Sandbox } from "./sandbox.ts";
import { cniErrorOfAsync } from "./thrown.ts";

export type Attached = {
  readonly box: Sandbox;
  readonly node: Netns;
  readonly container: Netns;
  /** An attachment of the container, unless `more` says otherwise. */
  readonly attach: (more?: Partial<AttachmentOptions>) => TestAttachment;
};

export type AttachedOptions = {
  readonly plugin: Plugin<Host>;
  /** Prepares the node; returns the configuration that attachments have. */
  readonly setUp: (box: Sandbox, node: Netns) => JsonObject;
};

/** Runs `use` and takes everything away again. */
export async function withAttached(
  { plugin, setUp }: AttachedOptions,
  use: (at: Attached) => Promise<void>,
): Promise<void> {
  using box = new Sandbox();
  const node = box.netns("node");
  const container = box.netns("container");
  using host = testHost(box, node);
  const conf = setUp(box, node);
  const attach = (more: Partial<AttachmentOptions> = {}) =>
    new TestAttachment({ plugin, host, conf, netns: container.path, ...more });
  await use({ box, node, container, attach });
}

/** A configuration that ADD refuses with CNI code 7; `what` completes "ADD refuses …". */
export type Refusal = readonly [what: string, conf: JsonObject, message: string];

/** Declares a test a row: the configuration of `setUp` changed by the row's, the sentence, and that nothing is left. */
export function testRefusals({ plugin, setUp }: AttachedOptions, rows: readonly Refusal[]): void {
  for (const [what, changes, message] of rows) {
    test(`ADD of ${plugin.name} refuses ${what} and leaves nothing`, async () => {
      const changed = (box: Sandbox, node: Netns) => ({ ...setUp(box, node), ...changes });
      await withAttached({ plugin, setUp: changed }, async ({ box, container, attach }) => {
        const error = await cniErrorOfAsync(() => attach().add());
        expect([error.code, error.message]).toEqual([7, expect.stringContaining(message)]);
        expect(linkNames(box, container)).toEqual([]);
      });
    });
  }
}
