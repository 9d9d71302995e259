// Reading a container's log: lines of the Container Runtime Interface, and which of them somebody asked for.

export type LogLine = {
  readonly time: string;
  readonly stream: "stdout" | "stderr";
  /** False for a piece of a line that goes on in the next one. */
  readonly whole: boolean;
  readonly text: string;
};

/** Undefined for what is no such line. */
export function parseLogLine(line: string): LogLine | undefined {
  const match = /^(\S+) (stdout|stderr) ([FP])(?: (.*))?$/s.exec(line);
  if (match === null) return undefined;
  const [, time = "", stream, tag, text = ""] = match;
  return { time, stream: stream === "stderr" ? "stderr" : "stdout", whole: tag === "F", text };
}

/** What `kubectl logs` can ask for. */
export type LogOptions = {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly tailLines: number | undefined;
  /** Lines from this moment on, milliseconds since the epoch. */
  readonly sinceMs: number | undefined;
  readonly limitBytes: number | undefined;
};

/** From a query; numbers that are none count as not given. */
export function parseLogOptions(query: URLSearchParams, nowMs: number): LogOptions {
  const number = (name: string) => {
    const value = Number(query.get(name) ?? Number.NaN);
    return Number.isInteger(value) && value >= 0 ? value : undefined;
  };
  const seconds = number("sinceSeconds");
  const moment = Date.parse(query.get("sinceTime") ?? "");
  return {
    follow: isTrue(query.get("follow")),
    previous: isTrue(query.get("previous")),
    timestamps: isTrue(query.get("timestamps")),
    tailLines: number("tailLines"),
    sinceMs: seconds !== undefined ? nowMs - seconds * 1000 : Number.isNaN(moment) ? undefined : moment,
    limitBytes: number("limitBytes"),
  };
}

function isTrue(value: string | null): boolean {
  return value === "true" || value === "1";
}

/** A line as the reader gets it: pieces are joined by having no end. */
export function formatLogLine({ time, text, whole }: LogLine, timestamps: boolean): string {
  return `${timestamps ? `${time} ` : ""}${text}${whole ? "\n" : ""}`;
}

/** Those of a finished text that the options let through. */
export function selectLines(lines: readonly LogLine[], { tailLines, sinceMs }: LogOptions): readonly LogLine[] {
  const recent = sinceMs === undefined ? lines : lines.filter(({ time }) => Date.parse(time) >= sinceMs);
  if (tailLines === undefined) return recent;
  if (tailLines === 0) return [];
  // Pieces of one line count once.
  let left = tailLines;
  let from = recent.length;
  while (from > 0) {
    if (recent[from - 1]?.whole !== false || from === recent.length) left--;
    if (left < 0) break;
    from--;
  }
  return recent.slice(from);
}
