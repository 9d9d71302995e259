// Connections to ports of a pod over SPDY: for each one the client opens a stream of data and one of errors.

import { messageOf } from "#base/error-message.ts";
import { type ByteSink, type ByteSource, pass } from "./bytes.ts";
import type { Program } from "./exec.ts";
import type { SpdyStream } from "./spdy/stream.ts";

export const portForwardProtocol = "portforward.k8s.io";

/** Connects to a port of the pod. @throws when that cannot be tried. */
export type DialPort = (port: number) => Program;

/** The client's side of one connection. */
export type PortClient = Pick<ByteSink, "write"> & { readonly source: ByteSource; readonly gone: AbortSignal };

type Pair = { data?: SpdyStream; error?: SpdyStream; readonly timer: ReturnType<typeof setTimeout> };

/** How long the second stream of a connection may take to come. */
const pairMs = 30_000;
const maxPort = 0xffff;
const maxErrorBytes = 4096;

export class PortForward {
  readonly #dial: DialPort;
  readonly #pairs = new Map<string, Pair>();

  constructor(dial: DialPort) {
    this.#dial = dial;
  }

  /** Takes a stream that the client has opened; what it is for is told by its headers. */
  take(stream: SpdyStream): void {
    const type = stream.headers.get("streamtype");
    const request = stream.headers.get("requestid");
    if (request === undefined || (type !== "data" && type !== "error")) {
      stream.reset();
      return;
    }
    const pair = this.#pairs.get(request) ?? { timer: setTimeout(() => this.#giveUp(request), pairMs) };
    pair[type]?.reset();
    pair[type] = stream;
    this.#pairs.set(request, pair);
    if (pair.data === undefined || pair.error === undefined) return;
    clearTimeout(pair.timer);
    this.#pairs.delete(request);
    void this.#forward(pair.data, pair.error);
  }

  #giveUp(request: string): void {
    const pair = this.#pairs.get(request);
    this.#pairs.delete(request);
    pair?.data?.reset();
    pair?.error?.reset();
  }

  async #forward(data: SpdyStream, error: SpdyStream): Promise<void> {
    const port = data.headers.get("port") ?? "";
    const problem = await forwardPort(port, data, this.#dial);
    if (problem !== "") await error.write(Buffer.from(problem));
    await error.end();
    await data.end();
  }
}

/** Until the connection is over; why it failed, or nothing. */
export async function forwardPort(text: string, client: PortClient, dial: DialPort): Promise<string> {
  const failed = (problem: string) => `error forwarding port ${text}: ${problem}`;
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > maxPort) return failed("it is none");
  try {
    const connection = dial(port);
    client.gone.addEventListener("abort", connection.kill, { once: true });
    if (client.gone.aborted) connection.kill();
    void pass(client.source, connection).then(connection.closeInput);
    const [problem] = await Promise.all([textOf(connection.stderr), pass(connection.stdout, client)]);
    await connection.exited;
    client.gone.removeEventListener("abort", connection.kill);
    return problem === "" ? "" : failed(problem.trim());
  } catch (error) {
    return failed(messageOf(error));
  }
}

async function textOf(source: AsyncIterable<Uint8Array>): Promise<string> {
  let text = "";
  for await (const bytes of source) text = (text + Buffer.from(bytes).toString()).slice(0, maxErrorBytes);
  return text;
}
