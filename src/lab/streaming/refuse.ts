// Answering by HTTP a request that wanted to leave it.

import { STATUS_CODES } from "node:http";
import type { Duplex } from "node:stream";
import type { KubeError } from "#kube/kube-error.ts";

/** A Status, as kubectl reads it: of plain text with a colon in it, it would make an object without a message. */
export function refuse(socket: Duplex, { status, httpCode }: KubeError): void {
  const body = Buffer.from(JSON.stringify(status));
  const headers = `content-type: application/json\r\ncontent-length: ${body.length}\r\nconnection: close\r\n\r\n`;
  socket.end(Buffer.concat([Buffer.from(`HTTP/1.1 ${httpCode} ${STATUS_CODES[httpCode] ?? ""}\r\n${headers}`), body]));
}
