// One run of a container: the file its monitor keeps about it, and how it ended.

import { createHash } from "node:crypto";

/** How a run ended; `reason` as `kubectl describe` shows it. */
export type Ending = {
  readonly finishedAt: string;
  readonly exitCode: number;
  /** 0 when it ended by itself. */
  readonly signal: number;
  readonly reason: string;
  readonly message?: string;
};

export type Instance = {
  readonly uid: string;
  readonly container: string;
  /** Counts from 0: the container's restart count at the time. */
  readonly attempt: number;
  /** As seen from the node; 0 for one that could not be started. */
  readonly pid: number;
  readonly startedAt: string;
  readonly ending: Ending | undefined;
};

/** Names a run: `UID.CONTAINER.ATTEMPT`, none of which holds a dot. */
export type InstanceKey = Pick<Instance, "uid" | "container" | "attempt">;

export function instanceName({ uid, container, attempt }: InstanceKey): string {
  return `${uid}.${container}.${attempt}`;
}

/** Undefined when the name is not of that form. */
export function parseInstanceName(name: string): InstanceKey | undefined {
  const [uid, container, attempt, ...more] = name.split(".");
  if (uid === undefined || container === undefined || !/^\d+$/.test(attempt ?? "") || more.length > 0) return undefined;
  return { uid, container, attempt: Number(attempt) };
}

/** `twill://` and 64 hexadecimal digits, the same for the same run whoever asks. */
export function containerId(key: InstanceKey): string {
  return `twill://${containerDigest(key)}`;
}

export function containerDigest(key: InstanceKey): string {
  return createHash("sha256").update(instanceName(key)).digest("hex");
}

/** What the monitor, or the kubelet for a run that never began, has written (pod/run.c). Undefined when it is no such text. */
export function parseInstance(key: InstanceKey, text: string): Instance | undefined {
  const fields = parse(text);
  if (fields === undefined || typeof fields["pid"] !== "number" || typeof fields["startedAt"] !== "string")
    return undefined;
  const started = { ...key, pid: fields["pid"], startedAt: wholeSeconds(fields["startedAt"]) };
  const { finishedAt, exitCode, signal, reason, message } = fields;
  if (typeof finishedAt !== "string" || typeof exitCode !== "number") return { ...started, ending: undefined };
  return {
    ...started,
    ending: {
      finishedAt: wholeSeconds(finishedAt),
      exitCode,
      signal: typeof signal === "number" ? signal : 0,
      reason: typeof reason === "string" ? reason : exitCode === 0 ? "Completed" : "Error",
      ...(typeof message === "string" ? { message } : {}),
    },
  };
}

/** The text of a run that the kubelet itself has to tell the end of. */
export function formatInstance({ pid, startedAt, ending }: Instance): string {
  return `${JSON.stringify({ pid, startedAt, ...ending })}\n`;
}

/** Times in the API have whole seconds. */
function wholeSeconds(time: string): string {
  return time.replace(/\.\d+Z$/, "Z");
}

function parse(text: string): { readonly [name: string]: unknown } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as { readonly [name: string]: unknown }) : undefined;
  } catch {
    return undefined;
  }
}
