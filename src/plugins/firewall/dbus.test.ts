// What the client makes of a bus that refuses it, says nonsense, or goes away: small servers on real sockets.

import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BusUnavailable, SystemBus } from "./dbus.ts";

/** Listens at a path of its own, and answers whatever it is told first with `answer`. */
async function withServer(answer: string | undefined, use: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "twill-dbus-"));
  const path = join(folder, "bus");
  const data = (socket: { write: (text: string) => number; end: () => void }) => {
    if (answer === undefined) socket.end();
    else socket.write(answer);
  };
  using _server = Bun.listen({ unix: path, socket: { data } });
  try {
    await use(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const rows: readonly (readonly [what: string, answer: string | undefined, why: string])[] = [
  ["hangs up", undefined, "it closed the connection"],
  ["does not know the user", "REJECTED EXTERNAL\r\n", `it does not know user ${process.getuid?.()}: REJECTED EXTERNAL`],
  ["is none", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n", "it does not know user"],
  ["says nonsense", `OK 1f\r\n${"nonsense".repeat(4)}`, "byte order is not little endian"],
];
for (const [what, answer, why] of rows) {
  test(`a bus that ${what} is not available`, async () => {
    await withServer(answer, async (path) => {
      const opened = SystemBus.open(path);
      await expect(opened).rejects.toBeInstanceOf(BusUnavailable);
      await expect(opened).rejects.toThrow(`The D-Bus at ${path} does not answer: `);
      await expect(opened).rejects.toThrow(why);
      await opened.catch(() => {});
    });
  });
}

test("no bus is not available", async () => {
  await expect(SystemBus.open("/nowhere/bus")).rejects.toThrow("No D-Bus answers at /nowhere/bus");
});
