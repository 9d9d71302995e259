// Connections to ports of a pod over WebSocket as libraries make them: one for each port that the request names.

import { Inbox } from "#lab/streaming/inbox.ts";
import { type DialPort, forwardPort } from "#lab/streaming/port-forward.ts";
import { channelCoding } from "#lab/streaming/websocket/channels.ts";
import type { WebSocketConnection } from "#lab/streaming/websocket/connection.ts";

/** Two channels for each port must have numbers, in base64 a digit. */
const maxPorts = 5;

/**
 * Until all connections are over, or the client is gone. Port i has channel 2i for its data and 2i + 1 for its errors; both begin with the
 * port's number as two bytes, little endian.
 */
export async function serveWebSocketPorts(
  connection: WebSocketConnection,
  protocol: string,
  ports: readonly string[],
  dial: DialPort,
): Promise<void> {
  const coding = channelCoding(protocol);
  const left = new AbortController();
  const inboxes = ports.slice(0, maxPorts).map(() => new Inbox());
  const forward = async (port: string, i: number, inbox: Inbox) => {
    const [data, errors] = [2 * i, 2 * i + 1];
    for (const channel of [data, errors]) await coding.send(connection, channel, numberOf(port));
    const write = (bytes: Uint8Array) => coding.send(connection, data, bytes);
    const problem = await forwardPort(port, { source: inbox.source(), write, gone: left.signal }, dial);
    inbox.drop();
    if (problem !== "") await coding.send(connection, errors, Buffer.from(problem));
  };
  const forwards = Promise.all(inboxes.map((inbox, i) => forward(ports[i] ?? "", i, inbox)));
  void forwards.then(() => connection.close());
  try {
    for await (const { payload } of connection.messages()) {
      const { channel, bytes } = coding.read(payload);
      if (channel % 2 === 0) await inboxes[channel / 2]?.push(bytes);
    }
  } finally {
    left.abort();
    for (const inbox of inboxes) inbox.end();
    await forwards;
  }
}

function numberOf(port: string): Uint8Array {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(Number(port) & 0xffff);
  return bytes;
}
