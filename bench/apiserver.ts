// The API server under load: writes beside plain SQLite, a thousand pods listed, two hundred watchers. `bun bench/apiserver.ts`

import { Database } from "bun:sqlite";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeObject } from "#kube/object.ts";
import { ApiServer } from "#lab/apiserver/api-server.ts";
import { builtinResources } from "#lab/apiserver/builtin/builtin.ts";
import { Registry } from "#lab/apiserver/registry.ts";
import type { ApiRequest, ApiResponse } from "#lab/apiserver/request.ts";
import { Store } from "#lab/apiserver/store/store.ts";
import { writeResults } from "./write-results.ts";

const writes = 5_000;
const podCount = 1_000;
const watcherCount = 200;
const changes = 200;

/** A pod as clients send it: 1.1 kB. */
function pod(index: number): KubeObject {
  const name = `frontend-${String(index).padStart(6, "0")}`;
  const container = (id: number) => ({
    name: `container-${id}`,
    image: `registry.example.com/shop/frontend:${id}`,
    ports: [{ name: "http", containerPort: 8080 + id, protocol: "TCP" }],
    env: [{ name: "BACKEND", value: "http://backend.shop.svc.cluster.local:8080" }],
    resources: { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "128Mi" } },
    readinessProbe: { httpGet: { path: "/healthz", port: 8080 + id }, periodSeconds: 5 },
  });
  const labels = { app: "frontend", tier: "web", shard: String(index % 10) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "shop", labels },
    spec: { nodeName: `node-${index % watcherCount}`, containers: [container(0), container(1)] },
  };
}

function perSecond(count: number, sinceMs: number): number {
  return Math.round((count / (performance.now() - sinceMs)) * 1_000);
}

/** What SQLite alone does with the same rows, each in a transaction of its own. */
function plainInserts(path: string): number {
  const db = new Database(path);
  for (const pragma of ["locking_mode = EXCLUSIVE", "journal_mode = WAL", "synchronous = NORMAL"])
    db.run(`PRAGMA ${pragma}`);
  db.run("CREATE TABLE object (key TEXT PRIMARY KEY, revision INTEGER NOT NULL, value TEXT NOT NULL)");
  const insert = db.prepare("INSERT INTO object VALUES (?, ?, ?)");
  const rows = Array.from({ length: writes }, (_, i) => JSON.stringify(pod(i)));
  const start = performance.now();
  for (const [i, row] of rows.entries()) insert.run(`/core/pods/shop/${i}`, i, row);
  return perSecond(writes, start);
}

function storeWrites(path: string): number {
  using store = new Store({ path });
  const objects = Array.from({ length: writes }, (_, i) => pod(i));
  const start = performance.now();
  for (const [i, object] of objects.entries()) store.create(`/core/pods/shop/${i}`, object);
  return perSecond(writes, start);
}

class Bench implements Disposable {
  readonly #store: Store;
  readonly #server: ApiServer;
  readonly #gone = new AbortController();

  constructor(path: string) {
    this.#store = new Store({ path });
    const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes as Uint8Array<ArrayBuffer>);
    this.#server = new ApiServer({
      store: this.#store,
      registry: new Registry(builtinResources),
      now: Date.now,
      random,
    });
  }

  async send(method: string, path: string, body?: object, headers: ApiRequest["headers"] = {}): Promise<ApiResponse> {
    const [plain = "", query = ""] = path.split("?");
    const response = await this.#server.handle({
      ...{ method, path: plain, query: new URLSearchParams(query), headers, signal: this.#gone.signal },
      body: body === undefined ? undefined : Buffer.from(JSON.stringify(body)),
      user: { username: "bench", groups: ["system:masters"] },
    });
    if (response.status >= 300) throw new Error(`${method} ${path}: ${JSON.stringify(response)}`);
    return response;
  }

  [Symbol.dispose](): void {
    this.#gone.abort();
    this.#server[Symbol.dispose]();
    this.#store[Symbol.dispose]();
  }
}

const podsPath = "/api/v1/namespaces/shop/pods";
const table = { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };

function bytesOf(response: ApiResponse): number {
  if ("stream" in response) return 0;
  return typeof response.body === "string" ? response.body.length : JSON.stringify(response.body).length;
}

async function timed(what: () => Promise<ApiResponse>): Promise<number> {
  const start = performance.now();
  bytesOf(await what());
  return performance.now() - start;
}

async function median(times: number, what: () => Promise<ApiResponse>): Promise<number> {
  const all: number[] = [];
  for (let i = 0; i < times; i++) all.push(await timed(what));
  return all.toSorted((a, b) => a - b)[times >> 1] ?? 0;
}

/** Changes told to all watchers of pods, and to the one that watches its own node's. */
async function watchers(bench: Bench): Promise<{ readonly changesPerSecond: number; readonly events: number }> {
  let events = 0;
  const follow = async (response: ApiResponse) => {
    if (!("stream" in response)) return;
    for await (const chunk of response.stream) events += String(chunk).split("\n").length - 1;
  };
  for (let i = 0; i < watcherCount; i++) {
    const selector = i % 2 === 0 ? "" : `&fieldSelector=spec.nodeName%3Dnode-${i}`;
    void follow(
      await bench.send(
        "GET",
        `${podsPath}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan${selector}`,
      ),
    );
  }
  const start = performance.now();
  for (let i = 0; i < changes; i++) {
    const name = pod(i).metadata.name;
    const patch = { metadata: { annotations: { changed: String(i) } } };
    await bench.send("PATCH", `${podsPath}/${name}`, patch, { "content-type": "application/merge-patch+json" });
  }
  // Each change reaches every second watcher, and the one whose node it is (when that one selects).
  const expected = changes * (watcherCount / 2) + changes / 2;
  while (events < expected) await new Promise((resolve) => setTimeout(resolve, 1));
  return { changesPerSecond: perSecond(changes, start), events };
}

const folder = mkdtempSync(join(tmpdir(), "twill-bench-"));
try {
  const plain = plainInserts(join(folder, "plain.db"));
  const stored = storeWrites(join(folder, "store.db"));
  using bench = new Bench(join(folder, "api.db"));
  await bench.send("POST", "/api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
  const start = performance.now();
  for (let i = 0; i < podCount; i++) await bench.send("POST", podsPath, pod(i));
  const created = perSecond(podCount, start);
  const listMs = await median(11, () => bench.send("GET", "/api/v1/pods"));
  const tableMs = await median(11, () => bench.send("GET", "/api/v1/pods", undefined, table));
  const selectedMs = await median(11, () => bench.send("GET", "/api/v1/pods?labelSelector=shard%3D3"));
  const watched = await watchers(bench);
  const result = {
    "writes to the store, per second": stored,
    "plain SQLite inserts, per second": plain,
    "store beside plain SQLite": Number((stored / plain).toFixed(2)),
    "pods created through the API, per second": created,
    "list of 1,000 pods, ms": Number(listMs.toFixed(1)),
    "the same as a table, ms": Number(tableMs.toFixed(1)),
    "the same with a label selector, ms": Number(selectedMs.toFixed(1)),
    "changes with 200 watchers, per second": watched.changesPerSecond,
    "events sent meanwhile": watched.events,
  };
  console.table(result);
  writeResults("apiserver", result);
} finally {
  rmSync(folder, { recursive: true });
}
