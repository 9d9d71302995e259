// Whoever writes to a client that is gone is not held up for good.

import { expect, test } from "bun:test";
import { createServer, get, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { until } from "#test/until.ts";
import { drained } from "./drained.ts";

test("drained() ends when the client reads, when it goes, and when it is gone already", async () => {
  const gone = new AbortController();
  let response: ServerResponse | undefined;
  const server = createServer((_request, answer) => {
    response = answer;
    answer.on("close", () => gone.abort());
    answer.write("begin");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const client = get({ host: "127.0.0.1", port });
  client.on("error", () => {});
  try {
    const answer = await new Promise<NodeJS.ReadableStream>((resolve) => client.on("response", resolve));
    await until(() => response !== undefined);
    if (response === undefined) return;
    const fill = () => {
      while (response?.write(new Uint8Array(1_000_000)) === true);
    };
    fill();
    answer.resume();
    await drained(response, gone.signal);
    answer.pause();
    fill();
    const going = drained(response, gone.signal);
    client.destroy();
    await going;
    await until(() => gone.signal.aborted);
    expect(response.write("more")).toBe(false);
    await drained(response, gone.signal);
  } finally {
    client.destroy();
    server.close();
  }
});
