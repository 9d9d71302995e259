// Where commands find the agent of this node.

import type { Flags } from "#cli/command.ts";

export const apiSocketFlag = {
  "api-socket": {
    value: "PATH",
    complete: "file",
    env: "TWILL_AGENT_SOCKET",
    default: "/run/twill/agent.sock",
    about: "where the agent answers questions",
  },
} as const satisfies Flags;
