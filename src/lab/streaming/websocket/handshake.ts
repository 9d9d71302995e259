// How a request becomes a WebSocket (RFC 6455, section 4.2).

import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

/** RFC 6455, section 1.3. */
const acceptSalt = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const keyBytes = 16;

/** What came of it: the protocol that both speak and the answer's head, or why not. */
export type Handshake =
  | { readonly protocol: string; readonly answer: string; readonly why?: never }
  | { readonly protocol?: never; readonly answer?: never; readonly why: string };

/** The client's first protocol among those that are known. */
export function acceptWebSocket(headers: IncomingHttpHeaders, known: readonly string[]): Handshake {
  const key = headers["sec-websocket-key"] ?? "";
  if (headers["sec-websocket-version"] !== "13") return { why: "its version must be 13" };
  if (Buffer.from(key, "base64").length !== keyBytes) return { why: "Sec-WebSocket-Key must be 16 bytes in base64" };
  const offered = (headers["sec-websocket-protocol"] ?? "").split(",").map((each) => each.trim());
  const protocol = offered.find((each) => known.includes(each));
  if (protocol === undefined) {
    return { why: `of ${offered.join(", ") || "no protocol"} none is known, but ${known.join(", ")}` };
  }
  const accept = createHash("sha1")
    .update(key + acceptSalt)
    .digest("base64");
  const answer =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: ${protocol}\r\n\r\n`;
  return { protocol, answer };
}
