// What the agents of a lab's nodes tell of themselves.

import { constants, openSync } from "node:fs";
import { join } from "node:path";
import { AgentApiError, AgentAwayError, askAgent } from "#api/client.ts";
import type { StatusMessage } from "#api/messages.ts";
import { isErrno } from "#kernel/errno.ts";
import { Fd } from "#kernel/fd.ts";
import { nodePlaces, type Places } from "./places.ts";

/** An agent that is stopped, or busy for so long, counts as one that does not answer. */
const patienceMs = 2_000;

type LabPlaces = Pick<Places, "folder" | "cgroup">;

/** What the agent of a node answers. @throws AgentApiError */
export async function askNode<T>(places: LabPlaces, node: string, line: string): Promise<T> {
  try {
    // A lab's folder may be longer than what a socket's path holds.
    using folder = new Fd(openSync(join(nodePlaces(places, node).folder, "run", "twill"), constants.O_DIRECTORY));
    const socket = `/proc/self/fd/${folder.number}/agent.sock`;
    return await askAgent<T>(socket, line, AbortSignal.timeout(patienceMs));
  } catch (cause) {
    if (!(cause instanceof AgentAwayError) && !isErrno(cause, "ENOENT")) throw cause;
    throw new AgentAwayError(`The agent of node ${node} does not answer`, { cause });
  }
}

/** Undefined when none answers. */
export async function askNodeAgent(places: LabPlaces, node: string): Promise<StatusMessage | undefined> {
  try {
    return await askNode<StatusMessage>(places, node, "GET /v1/status");
  } catch (error) {
    if (error instanceof AgentApiError) return undefined;
    throw error;
  }
}
