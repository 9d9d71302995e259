// When a remote program's client hears of it by WebSocket: what comes before it has made its streams would be lost.

import { describe, expect, test } from "bun:test";
import { Inbox } from "#lab/streaming/inbox.ts";
import { WebSocketConnection } from "#lab/streaming/websocket/connection.ts";
import { hex, toHex } from "#test/hex.ts";
import { until } from "#test/until.ts";
import { statusOfExit } from "./remote-command.ts";
import { openWebSocketCommand } from "./websocket-command.ts";

const wanted = { stdin: true, stdout: true, stderr: false, tty: false };
const pong = "8a80 00000000";
const inputEnds = "8282 00000000 ff00";
const ping = "8900";
const output = "8202 0161";

/** A client that says what it is told to; what the server says is kept. */
function clientOf(protocol: string) {
  const said: Uint8Array[] = [];
  const inbox = new Inbox();
  const connection = new WebSocketConnection({
    source: () => inbox.source(),
    write: async (bytes) => void said.push(bytes),
    end: async () => inbox.end(),
  });
  const failed = (error: unknown) => {
    throw error;
  };
  return {
    remote: openWebSocketCommand(connection, protocol, wanted, new AbortController().signal, failed),
    say: (bytes: string) => inbox.push(hex(bytes)),
    leave: () => inbox.end(),
    said: () => toHex(Buffer.concat(said)),
  };
}

describe("openWebSocketCommand()", () => {
  for (const [what, word] of [
    ["a pong", pong],
    ["the end of the input", inputEnds],
  ] as const) {
    test(`says nothing to a client of v5 that it has not heard of: ${what} is a word`, async () => {
      const { remote, say, said } = clientOf("v5.channel.k8s.io");
      const written = remote.stdout?.write(hex("61"));
      await Bun.sleep(5);
      expect(said()).toBe(toHex(hex(ping)));
      await say(word);
      await written;
      expect(said()).toBe(toHex(hex(`${ping} ${output}`)));
      await remote.finish(statusOfExit(0));
      expect(said().replaceAll(" ", "")).toEndWith("880203e8");
    });
  }

  test("does not wait for a client that leaves", async () => {
    const { remote, leave } = clientOf("v5.channel.k8s.io");
    const written = remote.stdout?.write(hex("61"));
    leave();
    await written;
    await until(() => remote.gone.aborted);
  });

  test("says at once to a client of v4 that it works", async () => {
    const { remote, said } = clientOf("v4.channel.k8s.io");
    await remote.stdout?.write(hex("61"));
    expect(said()).toBe(toHex(hex(`8201 01 ${output}`)));
  });
});
