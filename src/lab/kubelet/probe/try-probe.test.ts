// Tries of probes against small servers on the loopback.
import { describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server } from "node:net";
import type { ProbeTarget } from "./probe-target.ts";
import { type ProbeResult, tryProbe } from "./try-probe.ts";

const exec = async (argv: readonly string[]) => ({ exitCode: argv[0] === "true" ? 0 : 3, output: argv[1] ?? "" });

async function portOf(server: Server): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, "127.0.0.1", resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}

const shown = (result: ProbeResult) => (result.ok ? "ok" : result.why);

describe("tryProbe()", () => {
  const rows: readonly (readonly [path: string, result: string])[] = [
    ["/200", "ok"],
    ["/302?x=y", "ok"],
    ["/404", "HTTP probe failed with statuscode: 404"],
    ["/503", "HTTP probe failed with statuscode: 503"],
  ];
  for (const [path, result] of rows) {
    test(`HTTP ${path}`, async () => {
      await using server = createServer((request, response) => {
        response.statusCode = request.headers["x-probe"] === "1" ? Number(request.url?.slice(1, 4)) : 500;
        response.end("body");
      });
      const url = `http://127.0.0.1:${await portOf(server)}${path}`;
      const target: ProbeTarget = { kind: "http", url, headers: [["X-Probe", "1"]] };
      expect(shown(await tryProbe(target, 2000, exec))).toBe(result);
    });
  }

  test("a server that is silent, hangs up or talks nonsense", async () => {
    for (const [says, why] of [
      [undefined, "context deadline exceeded"],
      ["", "EOF"],
      ["nonsense\n", "malformed HTTP response"],
    ] as const) {
      await using server = createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.resume();
        if (says !== undefined) socket.end(says);
      });
      const url = `http://127.0.0.1:${await portOf(server)}/`;
      expect(shown(await tryProbe({ kind: "http", url, headers: [] }, 100, exec))).toEndWith(why);
    }
  });

  test("TCP, open and refused", async () => {
    const server = createTcpServer((socket) => socket.end());
    const port = await portOf(server);
    const target: ProbeTarget = { kind: "tcp", host: "127.0.0.1", port };
    expect(shown(await tryProbe(target, 2000, exec))).toBe("ok");
    const closed = Promise.withResolvers<void>();
    server.close(() => closed.resolve());
    await closed.promise;
    expect(shown(await tryProbe(target, 2000, exec))).toBe(`dial tcp 127.0.0.1:${port}: ECONNREFUSED`);
  });

  test("a program in the container", async () => {
    expect(shown(await tryProbe({ kind: "exec", argv: ["true"] }, 100, exec))).toBe("ok");
    expect(shown(await tryProbe({ kind: "exec", argv: ["false", "told so"] }, 100, exec))).toBe("told so");
    expect(shown(await tryProbe({ kind: "exec", argv: ["false"] }, 100, exec))).toBe("exit code 3");
  });
});
