// What `kubectl logs` can ask for.

export type LogOptions = {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  /** Lines from this moment on, milliseconds since the epoch. */
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
  /** Undefined: both. */
  readonly stream: "stdout" | "stderr" | undefined;
};

/** From the query of a kubelet's /containerLogs; numbers that are none count as not given. */
export function parseLogOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const number = (name: string) => {
    const text = query.get(name) ?? "";
    return /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  };
  const isTrue = (name: string) => query.get(name) === "true" || query.get(name) === "1";
  const seconds = number("sinceSeconds");
  const moment = Date.parse(query.get("sinceTime") ?? "");
  const stream = (["stdout", "stderr"] as const).find((each) => each === query.get("stream")?.toLowerCase());
  return {
    follow: isTrue("follow"),
    previous: isTrue("previous"),
    timestamps: isTrue("timestamps"),
    tailLines: number("tailLines"),
    sinceMs: seconds !== undefined ? nowMs - seconds * 1000 : Number.isNaN(moment) ? undefined : moment,
    limitBytes: number("limitBytes"),
    stream,
  };
}
