// What streams, as libraries ask for it: WebSocket without SPDY inside, by a client that is Bun's own.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import { limitMs, StreamingTarget } from "#test/lab/streaming-target.ts";

const stack = new AsyncDisposableStack();
let target: StreamingTarget;
beforeAll(async () => {
  target = stack.use(await StreamingTarget.open());
}, limitMs);
afterAll(async () => await stack.disposeAsync(), limitMs);

/** What a library gets over WebSocket, by channel, after it has sent these messages. */
async function overWebSocket(
  path: string,
  protocol: string,
  messages: readonly (string | Uint8Array)[],
): Promise<ReadonlyMap<number, string>> {
  const { server, ...tls } = readKubeconfig(target.kubeconfig);
  const { certificateAuthority: ca, clientCertificate: cert, clientKey: key } = tls;
  const socket = new WebSocket(`${server.replace(/^http/, "ws")}/api/v1/namespaces/default/pods/target/${path}`, {
    protocols: [protocol],
    tls: {
      ...(ca === undefined ? {} : { ca }),
      ...(cert === undefined ? {} : { cert }),
      ...(key === undefined ? {} : { key }),
    },
  });
  socket.binaryType = "arraybuffer";
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const said = new Map<number, string>();
  socket.onopen = () => messages.forEach((message) => void socket.send(message));
  socket.onerror = () => reject(new Error(`No WebSocket at ${path}`));
  socket.onclose = () => resolve();
  socket.onmessage = ({ data }) => {
    const isText = typeof data === "string";
    const bytes = isText ? Buffer.from(data.slice(1), "base64") : Buffer.from(data).subarray(1);
    const channel = isText ? Number(data[0]) : (Buffer.from(data)[0] ?? 0);
    said.set(channel, (said.get(channel) ?? "") + bytes.toString("latin1"));
  };
  await promise;
  return said;
}

describe("libraries", () => {
  const failure = '"reason":"NonZeroExitCode"';
  const exec = "exec?container=web&stdout=true&stderr=true&stdin=true&command=sh&command=-c&command=";
  const script = encodeURIComponent("head -n 1; echo err >&2; exit 6");

  const rows: readonly (readonly [protocol: string, message: string | Uint8Array])[] = [
    ["v4.channel.k8s.io", Buffer.from("\0line\n")],
    ["v5.channel.k8s.io", Buffer.from("\0line\n")],
    ["v4.base64.channel.k8s.io", `0${btoa("line\n")}`],
  ];
  for (const [protocol, message] of rows) {
    test(`exec over ${protocol}`, async () => {
      const said = await overWebSocket(`${exec}${script}`, protocol, [message]);
      expect([said.get(1), said.get(2)]).toEqual(["line\n", "err\n"]);
      expect(said.get(3)).toContain(failure);
    });
  }

  test("v5.channel.k8s.io ends the input by a message", async () => {
    const messages = [Buffer.from("\0all of it"), Uint8Array.of(255, 0)];
    const said = await overWebSocket(`${exec}cat`, "v5.channel.k8s.io", messages);
    expect(said.get(1)).toBe("all of it");
    expect(said.get(3)).toContain('"status":"Success"');
  });

  test("port-forward over v4.channel.k8s.io has two channels for each port", async () => {
    const request = Buffer.from("\0GET / HTTP/1.0\r\n\r\n");
    const said = await overWebSocket("portforward?ports=8080&ports=9999", "v4.channel.k8s.io", [request]);
    expect(said.get(0)?.slice(0, 2)).toBe("\x90\x1f");
    expect(said.get(0)).toContain('"pod":"target"');
    expect(said.get(1)).toBe("\x90\x1f");
    expect(said.get(3)).toContain("Connection refused");
  });

  test("what is no WebSocket frame ends the connection, and nothing else", async () => {
    const said = await overWebSocket(`${exec}cat`, "v4.channel.k8s.io", [new Uint8Array(5_000_000)]);
    expect(said.get(3)).toBeUndefined();
    expect((await overWebSocket(`${exec}true`, "v4.channel.k8s.io", [])).get(3)).toContain("Success");
  });
});
