// A remote program's streams over WebSocket: a message begins with the number of its channel.

import type { Status } from "#kube/kube-error.ts";
import type { ByteSink } from "#lab/streaming/bytes.ts";
import { Inbox } from "#lab/streaming/inbox.ts";
import { channelCoding, channelProtocols } from "#lab/streaming/websocket/channels.ts";
import type { WebSocketConnection } from "#lab/streaming/websocket/connection.ts";
import { type RemoteCommand, terminalSizes, type WantedStreams } from "./remote-command.ts";

const channels = { stdin: 0, stdout: 1, stderr: 2, error: 3, resize: 4 } as const;
/** Since v5: the client ends the channel that the message names. */
const closeChannel = 255;
const v5 = "v5.channel.k8s.io";
export const webSocketCommandProtocols: readonly string[] = [v5, ...channelProtocols];

/** Begins to read; `failed` is told when the client breaks the protocol. */
export function openWebSocketCommand(
  connection: WebSocketConnection,
  protocol: string,
  wanted: WantedStreams,
  gone: AbortSignal,
  failed: (error: unknown) => void,
): RemoteCommand {
  const coding = channelCoding(protocol);
  const stdin = new Inbox();
  const resize = new Inbox();
  const inboxes = new Map<number, Inbox>([
    [channels.stdin, stdin],
    [channels.resize, resize],
  ]);
  // kubectl, which alone speaks v5, drops with a complaint what comes for streams that it has not made yet, up to 1.33 also the word of how
  // the program ended. It reads, and answers pings, from when it makes them.
  const ready = protocol === v5 ? connection.heard() : Promise.resolve();
  const send = async (channel: number, bytes: Uint8Array) => {
    await ready;
    await coding.send(connection, channel, bytes);
  };
  const sink = (channel: number): ByteSink => ({
    write: (bytes) => send(channel, bytes),
    end: async () => {},
  });
  const left = new AbortController();
  const receive = async () => {
    for await (const { payload } of connection.messages()) {
      const { channel, bytes } = coding.read(payload);
      if (protocol === v5 && channel === closeChannel) inboxes.get(bytes[0] ?? closeChannel)?.end();
      else if (bytes.length > 0) await inboxes.get(channel)?.push(bytes);
    }
  };
  receive()
    .catch(failed)
    .finally(() => {
      stdin.end();
      resize.end();
      left.abort();
    });
  // An empty message on a channel that it reads says to the client that it works. kubectl needs no such word.
  if (protocol !== v5) void send(wanted.stdout ? channels.stdout : channels.error, new Uint8Array());
  return {
    stdin: wanted.stdin ? stdin.source() : undefined,
    stdout: wanted.stdout ? sink(channels.stdout) : undefined,
    stderr: wanted.stderr ? sink(channels.stderr) : undefined,
    sizes: wanted.tty ? terminalSizes(resize.source()) : undefined,
    finish: async (status: Status) => {
      stdin.drop();
      resize.drop();
      await send(channels.error, Buffer.from(JSON.stringify(status)));
      await connection.close();
    },
    gone: AbortSignal.any([gone, left.signal]),
  };
}
