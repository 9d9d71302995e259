// What a node's agent is told when it starts; all else has its default.

import type { LabSpec } from "#lab/spec.ts";

/** The text of its configuration. `cgroup` is what all processes of the node are in. */
export function agentConfigText({ agents, services }: LabSpec, cgroup: string): string {
  const config = {
    ...(agents === undefined ? {} : { fabric: { mode: agents.fabric } }),
    // Nodes share one kernel: another node's processes are none of its business.
    services: services === "agent" ? { enabled: true, cgroup } : { enabled: false },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}
