// Several streams in one WebSocket: each message begins with the number of its channel.

import type { WebSocketConnection } from "./connection.ts";

/** Channels as a digit and contents in base64, for clients that can only send text. */
const base64 = "v4.base64.channel.k8s.io";
export const channelProtocols: readonly string[] = ["v4.channel.k8s.io", base64];

/** What an empty message is for. */
const noChannel = 255;

export type Coding = {
  readonly read: (payload: Uint8Array) => { readonly channel: number; readonly bytes: Uint8Array };
  readonly send: (connection: WebSocketConnection, channel: number, bytes: Uint8Array) => Promise<void>;
};

const asBytes: Coding = {
  read: (payload) => ({ channel: payload[0] ?? noChannel, bytes: payload.subarray(1) }),
  send: (connection, channel, bytes) => connection.send("binary", Uint8Array.of(channel), bytes),
};

const asText: Coding = {
  read: (payload) => {
    const text = Buffer.from(payload).toString();
    return { channel: Number(text.slice(0, 1)), bytes: Buffer.from(text.slice(1), "base64") };
  },
  send: (connection, channel, bytes) =>
    connection.send("text", Buffer.from(`${channel}${Buffer.from(bytes).toString("base64")}`)),
};

/** How the protocol that was agreed on writes channels. */
export function channelCoding(protocol: string): Coding {
  return protocol === base64 ? asText : asBytes;
}
