// What a node's agent is told when it starts; all else has its default.

import { balancerBlocks } from "#lab/fabric/addresses.ts";
import type { LabSpec } from "#lab/spec.ts";

/** The text of its configuration. `cgroup` is what all processes of the node are in. */
export function agentConfigText(spec: LabSpec, cgroup: string): string {
  const { agents, services } = spec;
  const config = {
    ...(agents === undefined ? {} : { fabric: { mode: agents.fabric } }),
    // Nodes share one kernel: another node's processes are none of its business.
    services: services === "agent" ? { cgroup, announce: balancerBlocks(spec) } : { enabled: false },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
