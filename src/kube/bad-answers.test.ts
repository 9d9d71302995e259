// A server that answers nonsense, goes away and comes back: whoever follows a collection says what is wrong, and goes on with the next good answer.

import { describe, expect, test } from "bun:test";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { KubeClient } from "./client.ts";
import { httpTransport } from "./http-transport.ts";
import type { Node } from "./kinds.ts";
import { Mirror } from "./mirror.ts";
import type { Pace } from "./reflect.ts";
import { nodes } from "./resource.ts";

const json = { "content-type": "application/json" };
const good = JSON.stringify({
  ...{ apiVersion: "v1", kind: "NodeList", metadata: { resourceVersion: "7" } },
  items: [{ metadata: { name: "node1", resourceVersion: "5" } }],
});
const path = "/api/v1/nodes";

/** Sleeps are short here, and end with the signal. */
const pace: Pace = { sleep: () => Bun.sleep(1), random: () => 0.5 };

type Answer = (request: Request) => Response | Promise<Response>;

/** Answers each list and each watch with the next of its row, the last one again and again. */
class Scripted implements Disposable {
  readonly #server;
  readonly lists: Answer[];
  readonly watches: Answer[];

  constructor(lists: readonly Answer[], watches: readonly Answer[] = [silence]) {
    this.lists = [...lists];
    this.watches = [...watches];
    this.#server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 0,
      fetch: (request) => {
        const row = new URL(request.url).searchParams.has("watch") ? this.watches : this.lists;
        return ((row.length > 1 ? row.shift() : row[0]) ?? silence)(request);
      },
    });
  }

  get client(): KubeClient {
    return new KubeClient(httpTransport({ server: `http://127.0.0.1:${this.#server.port}` }), "test");
  }

  [Symbol.dispose](): void {
    this.#server.stop(true);
  }
}

function says(text: string, status = 200): Answer {
  return () => new Response(text, { status, headers: json });
}

function silence(): Response {
  return new Response(new ReadableStream({ start() {} }), { headers: json });
}

function cutOff(): Response {
  const stream = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode(`{"type":"ADDED","object":{"metadata":{"na`));
      controller.close();
    },
  });
  return new Response(stream, { headers: json });
}

/** Follows until it has `count` nodes; what failed on the way, in words. */
async function follow(server: Scripted, count: number): Promise<readonly string[]> {
  const failures: string[] = [];
  const { promise, resolve } = Promise.withResolvers<void>();
  using mirror = new Mirror<Node>({
    ...{ client: server.client, resource: nodes, pace },
    changed: () => {
      if (mirror.objects.size === count) resolve();
    },
    failed: (error) => failures.push(error instanceof Error ? error.message : String(error)),
  });
  await promise;
  return failures;
}

describe("a list", () => {
  const rows: readonly (readonly [what: string, answer: Answer, sentence: string])[] = [
    [
      "a page of a proxy's",
      says("<html><body>Welcome</body></html>"),
      `GET ${path} was answered with no JSON but "<html><body>Welcome</body></html>": is this the address of an API server?`,
    ],
    [
      "an answer that was cut off",
      says(good.slice(0, 100)),
      `GET ${path} was answered with no JSON but "${good.slice(0, 80)}…${good.slice(80, 100)}": is this the address of an API server?`,
    ],
    [
      "no answer's body",
      says(""),
      `GET ${path} was answered with no JSON but "": is this the address of an API server?`,
    ],
    ["a word", says('"ok"'), `GET ${path} was answered with no object`],
    ["another kind", says(good.replace("NodeList", "PodList")), `GET ${path} was answered with PodList, not NodeList`],
    ["no kind", says("{}"), `GET ${path} was answered with undefined, not NodeList`],
    [
      "a list without items",
      says('{"kind":"NodeList","metadata":{}}'),
      `GET ${path} was answered with a NodeList without items`,
    ],
    [
      "objects without names",
      says(good.replace('"name":"node1",', "")),
      `GET ${path} was answered with a NodeList whose item 0 has no name`,
    ],
    ["an error page", says("upstream timed out", 504), `GET ${path} was answered with 504: upstream timed out`],
    [
      "a refusal",
      says(JSON.stringify({ kind: "Status", message: "nodes is forbidden", reason: "Forbidden", code: 403 }), 403),
      "nodes is forbidden",
    ],
  ];
  for (const [what, answer, sentence] of rows) {
    test(`that is ${what} is told, and asked for again`, async () => {
      using server = new Scripted([answer, says(good)]);
      expect(await follow(server, 1)).toEqual([sentence]);
    });
  }
});

describe("a watch", () => {
  const added = `${JSON.stringify({ type: "ADDED", object: { metadata: { name: "node2", resourceVersion: "8" } } })}\n`;
  const expired = JSON.stringify({
    type: "ERROR",
    object: { kind: "Status", reason: "Expired", message: "too old", code: 410 },
  });
  const both = good.replace("]", `,{"metadata":{"name":"node2","resourceVersion":"8"}}]`);

  test("that has expired begins with a list again, without a word", async () => {
    using server = new Scripted([says(good), says(both)], [says(expired), silence]);
    expect(await follow(server, 2)).toEqual([]);
  });

  const rows: readonly (readonly [what: string, answer: Answer, sentence: string])[] = [
    [
      "ends in the middle of an event",
      cutOff,
      'The API server sent no watch event but "{"type":"ADDED","object":{"metadata":{"na"',
    ],
    ["is a page of a proxy's", says("<html>"), 'The API server sent no watch event but "<html>"'],
    [
      "speaks of nobody",
      says('{"type":"ADDED","object":{"metadata":{}}}'),
      'The API server sent no watch event but "{"type":"ADDED","object":{"metadata":{}}}"',
    ],
    [
      "knows events that nobody else does",
      says('{"type":"SPLIT","object":{"metadata":{"name":"a"}}}'),
      'The API server sent no watch event but "{"type":"SPLIT","object":{"metadata":{"name":"a"}}}"',
    ],
    ["is refused", says("", 503), `GET ${path} was answered with 503: no text`],
  ];
  for (const [what, answer, sentence] of rows) {
    test(`that ${what} is told, and taken up where it was`, async () => {
      using server = new Scripted([says(good)], [answer, says(added), silence]);
      expect(await follow(server, 2)).toEqual([sentence]);
    });
  }
});

describe("a watch", () => {
  const limitMs = 1000;

  /** What a watch says until it ends, when the server's answer begins and goes on after so many milliseconds. */
  async function watched(beginsMs: number, saysMs: number): Promise<string> {
    // Bun's own server keeps what an answer begins with until there is more of it.
    const server = createServer((_, response) => {
      setTimeout(() => response.flushHeaders(), beginsMs).unref();
      setTimeout(() => response.end("said"), beginsMs + saysMs).unref();
    });
    try {
      await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
      const { port } = server.address() as AddressInfo;
      const transport = httpTransport({ server: `http://127.0.0.1:${port}` }, limitMs);
      const chunks = await Array.fromAsync(transport.stream({ method: "GET", path, query: { watch: "true" } }));
      return chunks.map((chunk) => new TextDecoder().decode(chunk)).join("");
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test("whose answer does not begin is given up, as a connection may be for which nobody answers", async () => {
    await expect(watched(60_000, 0)).rejects.toThrow("the API server has not answered in time");
  });

  test("that has begun may be silent for as long as it likes", async () => {
    expect(await watched(0, 2 * limitMs)).toBe("said");
  });
});

test("A server that is not there is told in words of the cluster's, not of the engine's", async () => {
  const client = new KubeClient(httpTransport({ server: "http://127.0.0.1:1" }), "test");
  await expect(client.listAll(nodes)).rejects.toThrow("nobody listens at the API server's address (ECONNREFUSED)");
});
