// Netlink messages: header, flags, and what the kernel answers (linux/netlink.h).

import { attr, attrs } from "#codec/attrs.ts";
import { type Codec, Reader, Writer } from "#codec/codec.ts";
import { cstring, u32 } from "#codec/scalar.ts";

/** NLM_F_ flags. */
export const Flag = {
  request: 0x1,
  multi: 0x2,
  ack: 0x4,
  dumpInterrupted: 0x10,
  /** On requests that make something. */
  replace: 0x100,
  exclusive: 0x200,
  create: 0x400,
  append: 0x800,
  /** On requests that read. */
  dump: 0x300,
} as const;

/** Message types that every netlink family shares. */
export const ControlType = { noop: 1, error: 2, done: 3, overrun: 4 } as const;

export const headerBytes = 16;

/** One request, ready to be sent: what it asks, and how a person would say it. */
export type Request = {
  readonly type: number;
  /** `Flag`s beside `request` and `ack`. */
  readonly flags: number;
  readonly body: Uint8Array;
  /** For messages, logs and dry runs: `add route 10.0.1.0/24 via 192.168.0.2 dev eth0`. */
  readonly text: string;
  /** Errors that mean that the wish is fulfilled already: `EEXIST` when adding, `ENOENT` when removing. */
  readonly allow?: readonly string[] | undefined;
};

/** One message of an answer, its body a window over the receive buffer. */
export type Message = {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  readonly body: Reader;
};

export function makeRequest<T>(
  codec: Codec<T>,
  value: T,
  rest: {
    readonly type: number;
    readonly flags: number;
    readonly text: string;
    readonly allow?: readonly string[] | undefined;
  },
): Request {
  const writer = new Writer();
  codec.encode(writer, value);
  return { ...rest, body: writer.finish() };
}

/** Appends header (struct nlmsghdr) and body, aligned; `flags` are those beside the request's own. */
export function writeMessage(writer: Writer, request: Request, sequence: number, flags: number): void {
  const start = writer.reserve(headerBytes);
  writer.append(request.body);
  const length = writer.length - start;
  const view = writer.view();
  view.setUint32(start, length, true);
  view.setUint16(start + 4, request.type, true);
  view.setUint16(start + 6, request.flags | flags | Flag.request, true);
  view.setUint32(start + 8, sequence, true);
  writer.align(4);
}

/** All messages of one datagram. @throws DecodeError */
export function* readMessages(datagram: Uint8Array): Generator<Message> {
  const reader = new Reader(datagram, 0, datagram.length, "netlink message");
  while (reader.left >= headerBytes) {
    const start = reader.take(headerBytes);
    const length = reader.view.getUint32(start, true);
    const type = reader.view.getUint16(start + 4, true);
    const flags = reader.view.getUint16(start + 6, true);
    const sequence = reader.view.getUint32(start + 8, true);
    if (length < headerBytes) reader.fail(`a message claims ${length} bytes, less than its header`);
    yield { type, flags, sequence, body: reader.sub(length - headerBytes, "body") };
    reader.take(Math.min(reader.left, (4 - (length % 4)) % 4));
  }
}

const ackAttrs = attrs({ message: attr(1, cstring), offset: attr(2, u32) });
/** NLM_F_ACK_TLVS: attributes follow the echoed header. */
const ackTlvs = 0x200;
/** NLM_F_CAPPED: the echoed request is cut to its header. */
const capped = 0x100;

/** The error number (0 for success) and the kernel's explanation from an NLMSG_ERROR or NLMSG_DONE. */
export function readAck(message: Message): { readonly errno: number; readonly explanation: string } {
  const { body } = message;
  if (body.left < 4) return { errno: 0, explanation: "" };
  const errno = Math.abs(body.view.getInt32(body.take(4), true));
  if (message.type === ControlType.error) {
    const header = body.take(headerBytes);
    const echoed = body.view.getUint32(header, true);
    if ((message.flags & capped) === 0 && errno !== 0)
      body.take(Math.min(body.left, Math.max(0, echoed - headerBytes)));
  }
  if ((message.flags & ackTlvs) === 0) return { errno, explanation: "" };
  return { errno, explanation: ackAttrs.decode(body).message ?? "" };
}
