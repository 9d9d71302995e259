// An API server in memory for tests: requests as one line, a clock by hand, repeatable randomness.

import { ApiServer } from "#lab/apiserver/api-server.ts";
import type { Authorizer } from "#lab/apiserver/authorizer.ts";
import { Rbac } from "#lab/apiserver/authz/rbac.ts";
import { builtinResources } from "#lab/apiserver/builtin/builtin.ts";
import { Registry } from "#lab/apiserver/registry.ts";
import type { UserInfo } from "#lab/apiserver/request.ts";
import { NumberPool, ServiceRange } from "#lab/apiserver/rules/address-pool.ts";
import { withRules } from "#lab/apiserver/rules/rules.ts";
import type { WindowLimits } from "#lab/apiserver/store/event-window.ts";
import { Store } from "#lab/apiserver/store/store.ts";
import { type Cidr, cidr } from "#net/cidr.ts";
import { Random } from "#test/random.ts";

/** An answer; `body` is its JSON. */
export type Answer = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
};

/** A value somewhere inside of JSON: `items.0.metadata.name`; undefined when there is nothing. */
export function at(value: unknown, path: string): unknown {
  return path
    .split(".")
    .reduce<unknown>(
      (inside, field) => (typeof inside === "object" && inside !== null ? Reflect.get(inside, field) : undefined),
      value,
    );
}

/** The names of a list's items, in order. */
export function names({ body }: Answer): string {
  const items = at(body, "items");
  return Array.isArray(items) ? items.map((item) => at(item, "metadata.name")).join(" ") : "";
}

export type SendOptions = {
  readonly headers?: Readonly<Record<string, string>>;
  readonly user?: UserInfo;
};

const patchTypes = {
  merge: "application/merge-patch+json",
  json: "application/json-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

export const shopPods = "/api/v1/namespaces/shop/pods";

export class TestApi implements Disposable {
  readonly store: Store;
  readonly server: ApiServer;
  /** Errors of the server itself. */
  readonly faults: unknown[] = [];
  nowMs = Date.parse("2030-01-01T00:00:00Z");

  constructor(
    options: {
      readonly window?: WindowLimits;
      readonly authorizer?: Authorizer | "rbac";
      readonly serviceBlocks?: readonly Cidr[];
    } = {},
  ) {
    const { window, authorizer, serviceBlocks = [cidr("10.96.0.0/16")] } = options;
    const random = new Random(1);
    const pick = (count: number) => random.below(count);
    const ranges = serviceBlocks.map((block) => new ServiceRange(block, pick));
    const nodePorts = new NumberPool(30_000, 32_767, pick);
    this.store = new Store({ path: ":memory:", ...(window === undefined ? {} : { window }) });
    const who = authorizer === "rbac" ? new Rbac(this.store) : authorizer;
    this.server = new ApiServer({
      store: this.store,
      registry: new Registry(withRules(builtinResources, { ranges, nodePorts })),
      now: () => this.nowMs,
      random: (bytes) => {
        bytes.set(random.bytes(bytes.length));
        return bytes;
      },
      report: (error) => this.faults.push(error),
      ...(who === undefined ? {} : { authorizer: who }),
    });
  }

  /** With the namespace `shop`. */
  static async withShop(options?: ConstructorParameters<typeof TestApi>[0]): Promise<TestApi> {
    const api = new TestApi(options);
    await api.send("POST /api/v1/namespaces", { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop" } });
    return api;
  }

  /** `GET /api/v1/pods?limit=2`; a body is sent as JSON, text and bytes as they are. */
  async send(line: string, body?: object | string | Uint8Array, options: SendOptions = {}): Promise<Answer> {
    const response = await this.#handle(line, body, options, new AbortController().signal);
    if ("stream" in response) throw new TypeError(`${line} is answered with a stream`);
    const text = typeof response.body === "string" ? response.body : undefined;
    const json = response.headers["content-type"]?.startsWith("application/json") === true;
    return { ...response, body: text !== undefined && json ? JSON.parse(text) : response.body };
  }

  /** A patch by the short name of its type. */
  async patch(path: string, type: keyof typeof patchTypes, body: object | string): Promise<Answer> {
    return await this.send(`PATCH ${path}`, body, { headers: { "content-type": patchTypes[type] } });
  }

  /** A watch: its events as `TYPE name` (or whatever `show` makes of them), all that there are by now. */
  async watch(path: string, headers: Readonly<Record<string, string>> = {}): Promise<TestWatch> {
    const gone = new AbortController();
    const separator = path.includes("?") ? "&" : "?";
    const response = await this.#handle(`GET ${path}${separator}watch=true`, undefined, { headers }, gone.signal);
    if (!("stream" in response)) throw new TypeError(`A watch of ${path} is answered with ${response.status}`);
    return new TestWatch(response.stream, gone);
  }

  async #handle(
    line: string,
    body: object | string | Uint8Array | undefined,
    options: SendOptions,
    signal: AbortSignal,
  ) {
    const space = line.indexOf(" ");
    const [method, url] = [line.slice(0, space), line.slice(space + 1)];
    const [path = "", query = ""] = url.split("?");
    const raw = body instanceof Uint8Array || body === undefined;
    const bytes = raw ? body : Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
    return await this.server.handle({
      ...{ method, path, query: new URLSearchParams(query), headers: options.headers ?? {}, body: bytes, signal },
      user: options.user ?? { username: "tester", groups: ["system:masters"] },
    });
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
  }
}

/** What a watch has sent, as it is read. */
export class TestWatch implements Disposable {
  readonly events: unknown[] = [];
  /** Resolves when the server ends the watch. */
  readonly ended: Promise<void>;
  readonly #gone: AbortController;

  constructor(stream: AsyncIterable<string | Uint8Array>, gone: AbortController) {
    this.#gone = gone;
    this.ended = this.#read(stream);
  }

  /** `ADDED a`, `MODIFIED a`, `BOOKMARK` …, after everything that is on its way has come. */
  async lines(): Promise<readonly string[]> {
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
    return this.events.map((event) => `${at(event, "type")} ${at(event, "object.metadata.name") ?? ""}`.trim());
  }

  async #read(stream: AsyncIterable<string | Uint8Array>): Promise<void> {
    for await (const chunk of stream) {
      for (const line of String(chunk).trimEnd().split("\n")) this.events.push(JSON.parse(line));
    }
  }

  [Symbol.dispose](): void {
    this.#gone.abort();
  }
}

/** A pod that fits the schema. */
export function podNamed(name: string, extra: { readonly metadata?: object; readonly spec?: object } = {}): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, ...extra.metadata },
    spec: { containers: [{ name: "main", image: "shop/main" }], ...extra.spec },
  };
}

export function configMap(name: string, data: object = {}): object {
  return { apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data };
}

export function deployment(name: string, replicas = 1): object {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name, labels: { app: name } },
    spec: {
      replicas,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: "main", image: "shop/main", ports: [{ containerPort: 80 }] }] },
      },
    },
  };
}
