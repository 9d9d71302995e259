// Bytes that come and go at the pace of whoever is slower.

/** What comes, in pieces of any size; ends when the other side says so, or is gone. */
export type ByteSource = AsyncIterable<Uint8Array>;

/** Where bytes go. */
export type ByteSink = {
  /** Resolves when more may be written. Bytes for somebody who is gone are dropped. */
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Says that nothing more comes. */
  readonly end: () => Promise<void>;
};

/** Passes on all that comes. The end of it is not passed on: it may be that others still have something to say there. */
export async function pass(source: ByteSource, sink: Pick<ByteSink, "write">): Promise<void> {
  for await (const bytes of source) await sink.write(bytes);
}

/** Somebody sent what the protocol does not allow. */
export class ProtocolError extends Error {
  readonly code = "PROTOCOL";
}
