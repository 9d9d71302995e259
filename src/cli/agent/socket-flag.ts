// Where commands find the agent of this node, or those of several.

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

/** For what may be asked of several agents. */
export const agentsFlags = {
  "api-socket": {
    value: "PATH",
    repeated: true,
    complete: "file",
    about: "where an agent answers questions; $TWILL_AGENT_SOCKET or this node's unless given",
  },
  lab: {
    short: "l",
    value: "NAME",
    about: "asks the agents of all nodes of a lab; $TWILL_LAB, or the lab that $KUBECONFIG is of, unless given",
  },
} as const satisfies Flags;

export const agentsEnvironment = {
  TWILL_AGENT_SOCKET: "where this node's agent answers questions",
  TWILL_LAB: "a lab, for commands without --lab",
  KUBECONFIG: "that of a lab means the lab",
  TWILL_LAB_DIR: "folder for the state of labs (/run/twill/lab)",
} as const;
