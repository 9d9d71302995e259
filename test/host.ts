// A plugins' host inside a sandbox: the node is a namespace of the test's own.

import type { DelegateOptions } from "#cni/delegate.ts";
import { Netns } from "#kernel/netns.ts";
import { OpenHost } from "#plugins/host.ts";
import type { Netns as BoxNetns, Sandbox } from "./sandbox.ts";

/** Close it with `using`. `delegates` defaults to running what CNI_PATH holds, `runDir` to a new folder. */
export function testHost(
  box: Sandbox,
  node: BoxNetns,
  delegates: DelegateOptions = {},
  runDir: string = box.dir(),
): OpenHost {
  return new OpenHost({
    netns: new Netns(node.path),
    runDir,
    delegates,
    random: (bytes) => crypto.getRandomValues(bytes),
    now: () => Date.now(),
    sleep: (ms) => Bun.sleep(ms),
  });
}
