// A program's streams at a client far away, whatever protocol they come by.

import type { Status } from "#kube/kube-error.ts";
import type { ByteSink, ByteSource } from "#lab/streaming/bytes.ts";

/** What the client asked for. */
export type WantedStreams = {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
};

export type TerminalSize = { readonly columns: number; readonly rows: number };

/** The client's ends; undefined are those that it did not ask for. */
export type RemoteCommand = {
  readonly stdin: ByteSource | undefined;
  readonly stdout: ByteSink | undefined;
  readonly stderr: ByteSink | undefined;
  readonly sizes: AsyncIterable<TerminalSize> | undefined;
  /** Tells how it went, after everything else, and closes. */
  readonly finish: (status: Status) => Promise<void>;
  /** Aborted when the client is gone. */
  readonly gone: AbortSignal;
};

/** From the parameters of a kubelet's /exec and /attach. With a terminal both outputs are one. */
export function wantedStreams(query: URLSearchParams): WantedStreams {
  const isSet = (name: string) => query.get(name) === "1" || query.get(name) === "true";
  const tty = isSet("tty");
  return { stdin: isSet("input"), stdout: isSet("output"), stderr: isSet("error") && !tty, tty };
}

/** How a program's end is told (protocol v4.channel.k8s.io and later): a Status with the exit code among its causes. */
export function statusOfExit(exitCode: number): Status {
  if (exitCode === 0) return { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success" };
  return {
    ...{ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", reason: "NonZeroExitCode" },
    message: `command terminated with non-zero exit code: exit status ${exitCode}`,
    details: { causes: [{ reason: "ExitCode", message: String(exitCode), field: "" }] },
  };
}

const maxSizeText = 1024;
const maxCells = 0xffff;

/** Sizes as clients send them, `{"Width":80,"Height":24}` one after the other; what is none is passed over. */
export async function* terminalSizes(source: ByteSource): AsyncGenerator<TerminalSize> {
  let text = "";
  for await (const bytes of source) {
    text += Buffer.from(bytes).toString();
    for (const [whole] of text.matchAll(/\{[^{}]*\}/g)) {
      const size = parseSize(whole);
      if (size !== undefined) yield size;
    }
    text = text.slice(text.lastIndexOf("}") + 1).slice(-maxSizeText);
  }
}

function parseSize(text: string): TerminalSize | undefined {
  try {
    const { Width, Height } = JSON.parse(text) as { readonly Width?: unknown; readonly Height?: unknown };
    return isCount(Width) && isCount(Height) ? { columns: Width, rows: Height } : undefined;
  } catch {
    return undefined;
  }
}

function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= maxCells;
}
