// What the agents of a lab's nodes tell of themselves.

import { constants, openSync } from "node:fs";
import { join } from "node:path";
import { AgentApiError, askAgent } from "#api/client.ts";
import type { StatusMessage } from "#api/messages.ts";
import { isErrno } from "#kernel/errno.ts";
import { Fd } from "#kernel/fd.ts";
import { nodePlaces, type Places } from "./places.ts";

/** An agent that is stopped, or busy for so long, counts as one that does not answer. */
const patienceMs = 2_000;

/** Undefined when none answers. */
export async function askNodeAgent(
  places: Pick<Places, "folder" | "cgroup">,
  node: string,
): Promise<StatusMessage | undefined> {
  try {
    // A lab's folder may be longer than what a socket's path holds.
    using folder = new Fd(openSync(join(nodePlaces(places, node).folder, "run", "twill"), constants.O_DIRECTORY));
    const socket = `/proc/self/fd/${folder.number}/agent.sock`;
    return await askAgent<StatusMessage>(socket, "GET /v1/status", AbortSignal.timeout(patienceMs));
  } catch (error) {
    if (error instanceof AgentApiError || isErrno(error, "ENOENT")) return undefined;
    throw error;
  }
}
