// A checked call for pure tests of configuration.

import type { Call } from "#cni/plugin.ts";

/** An ADD of `eth0` in container `c1`, with `changes`. */
export function testCall(changes: Partial<Call> & Pick<Call, "type" | "config">): Call {
  return {
    command: "ADD",
    containerId: "c1",
    netns: "/run/netns/c1",
    ifname: "eth0",
    cniArgs: "",
    path: [],
    env: new Map(),
    stdin: JSON.stringify(changes.config),
    network: "net",
    cniVersion: "1.1.0",
    prevResult: undefined,
    validAttachments: undefined,
    ...changes,
  };
}
