// Asks the agent of this node over its local API.

import { messageOf } from "#base/error-message.ts";
import { isErrno } from "#kernel/errno.ts";
import type { ProblemMessage } from "./messages.ts";

/** The agent cannot be asked, or refuses. */
export class AgentApiError extends Error {
  readonly code = "AGENT_API";
}

/** Nothing came back, or not all. */
export class AgentAwayError extends AgentApiError {}

/** The answer of a path, as serve.ts gives it: `GET /v1/status` is a `StatusMessage`. @throws AgentApiError, AgentAwayError */
export async function askAgent<T>(socket: string, line: string, signal?: AbortSignal): Promise<T> {
  const [method = "GET", path = "/"] = line.split(" ");
  let response: Response;
  let body: unknown;
  try {
    response = await fetch(`http://agent${path}`, {
      method,
      unix: socket,
      // Connections are kept by the path, and a path may be another agent's a moment later: one that restarted, another node's by the same descriptor.
      keepalive: false,
      ...(signal === undefined ? {} : { signal }),
    });
    body = await response.json();
  } catch (cause) {
    throw new AgentAwayError(`Cannot ask the agent at ${socket}: ${whyNot(cause)}`, { cause });
  }
  // Both ends are of one executable.
  if (response.ok) return body as T;
  throw new AgentApiError((body as ProblemMessage).problem);
}

/** The runtime's own sentences for these speak of addresses on the web. */
function whyNot(cause: unknown): string {
  if (isErrno(cause, "ENOENT")) return "there is no such socket; is `twill agent` running on this node?";
  if (isErrno(cause, "ECONNREFUSED")) return "nobody listens there; is `twill agent` running on this node?";
  return messageOf(cause);
}
