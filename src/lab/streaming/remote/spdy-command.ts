// A remote program's streams over SPDY: one stream each, which the client opens and names by the header `streamtype`.

import type { Status } from "#kube/kube-error.ts";
import { ProtocolError } from "#lab/streaming/bytes.ts";
import { type SpdyLink, SpdySession } from "#lab/streaming/spdy/session.ts";
import type { SpdyStream } from "#lab/streaming/spdy/stream.ts";
import { type RemoteCommand, terminalSizes, type WantedStreams } from "./remote-command.ts";

/** Those with a Status on the error stream; what clients of before 2016 speak is not. */
export const spdyCommandProtocols: readonly string[] = ["v4.channel.k8s.io"];

/** How long a client may take to open its streams. */
const openMs = 30_000;

type StreamType = "error" | "stdin" | "stdout" | "stderr" | "resize";

/** Waits for the client's streams; `failed` is told when the connection breaks later. @throws ProtocolError when they do not come. */
export async function openSpdyCommand(
  link: SpdyLink & { readonly gone: AbortSignal },
  wanted: WantedStreams,
  failed: (error: unknown) => void,
): Promise<RemoteCommand> {
  const missing = new Set(wantedTypes(wanted));
  const streams = new Map<StreamType, SpdyStream>();
  const { promise: complete, resolve, reject } = Promise.withResolvers<void>();
  const session = new SpdySession(link, (stream) => {
    const type = stream.headers.get("streamtype") as StreamType;
    if (!missing.delete(type)) return stream.reset();
    streams.set(type, stream);
    if (missing.size === 0) resolve();
  });
  const names = () => [...missing].join(", ");
  const timer = setTimeout(() => reject(new ProtocolError(`The client did not open its streams: ${names()}`)), openMs);
  session
    .run()
    .catch(failed)
    .finally(() => reject(new ProtocolError(`The client left without opening its streams: ${names()}`)));
  try {
    await complete;
  } catch (error) {
    await session.end();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  const error = streams.get("error");
  const resize = streams.get("resize");
  return {
    stdin: streams.get("stdin")?.source,
    stdout: streams.get("stdout"),
    stderr: streams.get("stderr"),
    sizes: resize === undefined ? undefined : terminalSizes(resize.source),
    finish: async (status: Status) => {
      await error?.write(Buffer.from(JSON.stringify(status)));
      await error?.end();
      await session.end();
    },
    gone: link.gone,
  };
}

function wantedTypes({ stdin, stdout, stderr, tty }: WantedStreams): readonly StreamType[] {
  const asked = { error: true, stdin, stdout, stderr, resize: tty };
  return (Object.keys(asked) as StreamType[]).filter((type) => asked[type]);
}
