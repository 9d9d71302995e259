// The API server on a socket: TLS, who a caller is, streams, and connections that leave HTTP.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createServer as createHttpsServer, type Server } from "node:https";
import { type AddressInfo, connect as connectPlain } from "node:net";
import { connect } from "node:tls";
import { at, podNamed, shopPods } from "#test/lab/api.ts";
import { ApiServer } from "./api-server.ts";
import { builtinResources } from "./builtin/builtin.ts";
import { HttpFront } from "./http.ts";
import { KubeletLink } from "./node-proxy/kubelet-link.ts";
import { type KeyPair, makeCertificate, type Subject } from "./pki/certificate.ts";
import { Registry } from "./registry.ts";
import type { ApiRequest } from "./request.ts";
import { Store } from "./store/store.ts";

const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
const dayMs = 86_400_000;
const authoritySubject: Subject = { commonName: "test-authority" };

function certificate(subject: Subject, use: "authority" | "server" | "client", authority?: KeyPair): KeyPair {
  return makeCertificate({
    ...{ subject, use, random, notBeforeMs: Date.now() - dayMs, notAfterMs: Date.now() + dayMs },
    ...(use === "server" ? { dnsNames: ["localhost"], addresses: [Uint8Array.of(127, 0, 0, 1)] } : {}),
    issuer: authority === undefined ? undefined : { subject: authoritySubject, key: authority.key },
  });
}

const authority = certificate(authoritySubject, "authority");
const ofServer = certificate({ commonName: "server" }, "server", authority);
const ofJane = certificate({ commonName: "jane", organizations: ["staff", "admins"] }, "client", authority);
const stranger = certificate({ commonName: "admin" }, "client", certificate(authoritySubject, "authority"));

/** Answers `GET /containerLogs` with text, and echoes on connections that leave HTTP. */
function fakeKubelet(seen: string[]): Server {
  const tls = { cert: ofServer.certificate, key: ofServer.key, ca: authority.certificate };
  const server = createHttpsServer({ ...tls, requestCert: true, rejectUnauthorized: true }, (request, response) => {
    seen.push(`${request.method} ${request.url}`);
    response.writeHead(200, { "content-type": "text/plain" });
    response.write("first line\n");
    response.end("second line\n");
  });
  server.on("upgrade", (request, socket) => {
    seen.push(
      `${request.method} ${request.url} ${request.headers.authorization ?? "-"} ${request.headers["x-stream"]}`,
    );
    socket.write("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n");
    socket.pipe(socket);
  });
  return server;
}

const seenByKubelet: string[] = [];
const kubelet = fakeKubelet(seenByKubelet);
const stack = new AsyncDisposableStack();
let port = 0;

async function send(path: string, init: RequestInit & { readonly tls?: object } = {}): Promise<Response> {
  const tls = { ca: authority.certificate, ...init.tls };
  return await fetch(`https://127.0.0.1:${port}${path}`, { ...init, tls } as BunFetchRequestInit);
}

async function post(path: string, body: object, type = "application/json"): Promise<void> {
  const method = type.includes("patch") ? "PATCH" : "POST";
  const headers = { authorization: "Bearer good", "content-type": type };
  const response = await send(path, { method, headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(await response.text());
}

beforeAll(async () => {
  const store = stack.use(new Store({ path: ":memory:" }));
  const users = new Map([["good", { username: "token-user", groups: ["system:masters"] }]]);
  const credentials = { ...ofJane, authority: authority.certificate };
  const api = stack.use(
    new ApiServer({
      ...{ store, registry: new Registry(builtinResources), now: Date.now, random, users },
      kubelets: new KubeletLink(credentials),
    }),
  );
  const front = stack.use(new HttpFront({ api, tls: { ...ofServer, authority: authority.certificate } }));
  port = await front.listen("127.0.0.1", 0);
  await new Promise<void>((resolve) => kubelet.listen(0, "127.0.0.1", resolve));
  stack.defer(() => void kubelet.close());
  await post("/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  await post("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
  const status = {
    addresses: [{ type: "InternalIP", address: "127.0.0.1" }],
    daemonEndpoints: { kubeletEndpoint: { Port: (kubelet.address() as AddressInfo).port } },
  };
  await post("/api/v1/nodes/n1/status", { status }, "application/merge-patch+json");
  await post(shopPods, podNamed("a", { spec: { nodeName: "n1" } }));
  await post(shopPods, podNamed("unplaced"));
});

afterAll(async () => await stack.disposeAsync());

describe("a caller", () => {
  const whoami = { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" };
  type Init = RequestInit & { readonly tls?: object };
  const rows: readonly (readonly [what: string, init: Init, expected: object | 401])[] = [
    ["without anything", {}, { username: "system:anonymous", groups: ["system:unauthenticated"] }],
    [
      "with a client certificate",
      { tls: { cert: ofJane.certificate, key: ofJane.key } },
      { username: "jane", groups: ["staff", "admins", "system:authenticated"] },
    ],
    [
      "with a token",
      { headers: { authorization: "Bearer good" } },
      { username: "token-user", groups: ["system:masters", "system:authenticated"] },
    ],
    ["with a wrong token", { headers: { authorization: "Bearer bad" } }, 401],
    ["with a password", { headers: { authorization: "Basic YTpi" } }, 401],
    ["with a certificate of another authority", { tls: { cert: stranger.certificate, key: stranger.key } }, 401],
  ];
  for (const [what, init, expected] of rows) {
    test(`${what} is ${expected === 401 ? "refused" : "who that says"}`, async () => {
      const path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
      const response = await send(path, { method: "POST", body: JSON.stringify(whoami), ...init });
      const body: unknown = await response.json();
      if (expected === 401) expect([response.status, at(body, "reason")]).toEqual([401, "Unauthorized"]);
      else expect(at(body, "status.userInfo")).toEqual(expected);
    });
  }

  test("of another authority's server sees that it is another's", async () => {
    const other = certificate(authoritySubject, "authority").certificate;
    await expect(send("/version", { tls: { ca: other } })).rejects.toThrow();
  });
});

describe("the socket", () => {
  test("passes a watch on as it happens, and ends it with its client", async () => {
    const gone = new AbortController();
    const response = await send(`${shopPods}?watch=true&fieldSelector=metadata.name%3Dlate`, { signal: gone.signal });
    const reader = response.body?.getReader();
    await post(shopPods, podNamed("late"));
    const { value } = (await reader?.read()) ?? {};
    expect(JSON.parse(new TextDecoder().decode(value))).toMatchObject({
      type: "ADDED",
      object: { metadata: { name: "late" } },
    });
    gone.abort();
  });

  test("refuses a body that is too large, and goes on", async () => {
    const path = "/api/v1/namespaces/shop/configmaps";
    const response = await send(path, { method: "POST", body: new Uint8Array(4 * 2 ** 20) });
    expect(response.status).toBe(413);
    expect((await send("/healthz")).status).toBe(200);
  });

  const rude: readonly (readonly [what: string, behave: (end: () => void) => void])[] = [
    [
      "speaks no TLS",
      (end) => {
        const socket = connectPlain(port, "127.0.0.1", () => socket.write("GET / HTTP/1.1\r\n\r\n"));
        socket.on("close", end).on("error", end);
        socket.resume();
      },
    ],
    [
      "leaves in the middle of the handshake",
      (end) => {
        const socket = connectPlain(port, "127.0.0.1", () => socket.end(Uint8Array.of(0x16, 0x03, 0x01, 0x02)));
        socket.on("close", end).on("error", end);
        socket.resume();
      },
    ],
    [
      "leaves in the middle of a body",
      (end) => {
        const socket = connect({ host: "127.0.0.1", port, ca: authority.certificate }, () => {
          socket.write(`POST ${shopPods} HTTP/1.1\r\nHost: lab\r\nContent-Length: 1000\r\n\r\n{`, () =>
            socket.destroy(),
          );
        });
        socket.on("close", end).on("error", end);
      },
    ],
    [
      "speaks no HTTP",
      (end) => {
        const socket = connect({ host: "127.0.0.1", port, ca: authority.certificate }, () =>
          socket.end("\0\0\0\0\r\n\r\n"),
        );
        socket.on("close", end).on("error", end);
        socket.resume();
      },
    ],
  ];
  for (const [what, behave] of rude) {
    test(`goes on after a client that ${what}`, async () => {
      await new Promise<void>((resolve) => behave(resolve));
      expect((await send("/healthz")).status).toBe(200);
    });
  }

  test("tells a stream that its reader is gone", async () => {
    const { promise: told, resolve } = Promise.withResolvers<void>();
    async function* forever(signal: AbortSignal): AsyncGenerator<string> {
      yield "{}\n";
      await new Promise((end) => signal.addEventListener("abort", end));
      resolve();
    }
    const handle = async ({ signal }: ApiRequest) => ({ status: 200, headers: {}, stream: forever(signal) });
    const authenticate = () => ({ username: "anybody", groups: [] });
    const tls = { ...ofServer, authority: authority.certificate };
    await using front = new HttpFront({ api: { handle, authenticate, upgrade: async () => undefined }, tls });
    const own = await front.listen("127.0.0.1", 0);
    const gone = new AbortController();
    const init = { signal: gone.signal, tls: { ca: authority.certificate } } as BunFetchRequestInit;
    const response = await fetch(`https://127.0.0.1:${own}/`, init);
    await response.body?.getReader().read();
    gone.abort();
    await told;
  });

  test("answers HEAD without a body", async () => {
    const response = await send("/version", { method: "HEAD" });
    expect([response.status, await response.text()]).toEqual([200, ""]);
  });
});

describe("a pod's node", () => {
  test("gives its log", async () => {
    const response = await send(`${shopPods}/a/log?follow=true&tailLines=5&container=main`);
    expect([response.status, await response.text()]).toEqual([200, "first line\nsecond line\n"]);
    expect(seenByKubelet.at(-1)).toBe("GET /containerLogs/shop/a/main?follow=true&tailLines=5");
  });

  const refused: readonly (readonly [path: string, code: number, message: string])[] = [
    [`${shopPods}/none/log`, 404, 'pods "none" not found'],
    [`${shopPods}/unplaced/log`, 400, "does not have a host assigned"],
    [`${shopPods}/a/log?container=other`, 400, "container other is not valid for pod a"],
    [`${shopPods}/a/exec?command=ls`, 400, "Upgrade request required"],
  ];
  for (const [path, code, message] of refused) {
    test(`is not asked for ${path}`, async () => {
      const response = await send(path);
      expect(response.status).toBe(code);
      expect(at(await response.json(), "message")).toContain(message);
    });
  }

  test("takes a connection that leaves HTTP, with its own words for the same request", async () => {
    const said = await upgrade(`${shopPods}/a/exec?command=sh&command=-c&stdin=true&stdout=true&tty=false`, "ping");
    expect(said).toStartWith("HTTP/1.1 101 Switching Protocols");
    expect(said).toEndWith("ping");
    expect(seenByKubelet.at(-1)).toBe("POST /exec/shop/a/main?command=sh&command=-c&input=1&output=1 - v4");
  });

  test("is not reached by those who may not", async () => {
    const missing = await upgrade(`${shopPods}/none/exec`, "");
    expect(missing).toStartWith("HTTP/1.1 404 Not Found");
    expect(missing).toContain('"reason":"NotFound"');
    expect(await upgrade(`${shopPods}/a/exec`, "", "Bearer bad")).toMatch(/^HTTP\/1.1 401 Unauthorized/);
  });
});

/** Everything that comes back on a connection that asks to leave HTTP, until `said` came back or it ended. */
async function upgrade(path: string, said: string, authorization = "Bearer good"): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port, ca: authority.certificate });
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk;
    if (heard.includes(" 101 ") && !heard.endsWith(said)) socket.write(said);
    if (said !== "" && heard.endsWith(said)) socket.end();
  });
  socket.on("error", reject);
  socket.on("close", () => resolve(heard));
  const head = [
    "Host: lab",
    "Connection: Upgrade",
    "Upgrade: SPDY/3.1",
    `Authorization: ${authorization}`,
    "X-Stream: v4",
  ];
  socket.write(`POST ${path} HTTP/1.1\r\n${head.join("\r\n")}\r\n\r\n`);
  return await promise;
}
