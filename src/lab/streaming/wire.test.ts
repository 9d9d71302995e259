// A connection that many streams write to at once.

import { expect, test } from "bun:test";
import { PassThrough } from "node:stream";
import { Wire } from "./wire.ts";

const streams = 40;

test("streams that wait for a slow client wait together, until it has read or is gone", async () => {
  for (const end of [(socket: PassThrough) => void socket.resume(), (socket: PassThrough) => void socket.destroy()]) {
    const socket = new PassThrough({ highWaterMark: 10 });
    const wire = new Wire(socket, new Uint8Array());
    const quiet = socket.listenerCount("close");
    const written = Array.from({ length: streams }, () => wire.write(new Uint8Array(100)));
    expect([socket.listenerCount("drain"), socket.listenerCount("close")]).toEqual([1, quiet + 1]);
    end(socket);
    await Promise.all(written);
    expect([socket.listenerCount("drain"), socket.listenerCount("close")]).toEqual([0, quiet]);
    await wire.write(new Uint8Array(1));
  }
});
