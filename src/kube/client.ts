// The typed client of the Kubernetes API: one method per verb, over any transport.

import { kubeError } from "./kube-error.ts";
import { splitLines } from "./lines.ts";
import type { KubeList, Metadata } from "./object.ts";
import { apiVersionOf, type Place, type Resource, resourcePath } from "./resource.ts";
import type { KubeRequest, Transport } from "./transport.ts";
import { decodeWatchEvent, hasName, type WatchEvent } from "./watch-event.ts";

/** What a list or a watch is limited to; selectors as text. */
export type Selection = {
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
};

export type ListOptions = Selection & {
  readonly limit?: number;
  readonly continue?: string;
  readonly resourceVersion?: string;
  readonly signal?: AbortSignal | undefined;
};

export type WatchOptions = Selection & {
  /** Events after this revision; without it the server sends what is there first, as ADDED. */
  readonly resourceVersion?: string;
  /** The server ends the watch after so many seconds. */
  readonly timeoutSeconds?: number;
  readonly signal?: AbortSignal | undefined;
  /** Told when the server has taken the watch. */
  readonly opened?: (() => void) | undefined;
};

export type RemoveOptions = {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: "Orphan" | "Background" | "Foreground";
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
};

const patchTypes = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
} as const;

export type PatchType = keyof typeof patchTypes;

/** What a request carries of an object: `apiVersion` and `kind` follow from the resource. */
export type Draft<T> = Omit<T, "apiVersion" | "kind" | "metadata"> & { readonly metadata: Metadata };

type Named = { readonly namespace?: string | undefined; readonly name: string; readonly subresource?: string };

/** Lists are read in pages of this many objects, as kubectl's are. */
const pageSize = 500;

/**
 * A client of one API server. All methods throw `KubeError` when the server refuses.
 *
 *     const client = new KubeClient(transport, "twill-agent");
 *     const pod = await client.get(pods, { namespace: "shop", name: "frontend-1" });
 */
export class KubeClient {
  readonly #transport: Transport;
  /** Written into `managedFields` as the author of changes. */
  readonly #manager: string;

  constructor(transport: Transport, manager: string) {
    this.#transport = transport;
    this.#manager = manager;
  }

  async get<T>(resource: Resource<T>, place: Named): Promise<T> {
    return (await this.#send({ method: "GET", path: resourcePath(resource, place), query: {} })) as T;
  }

  /** One page; `metadata.continue` leads to the next. */
  async list<T>(resource: Resource<T>, options: ListOptions = {}): Promise<KubeList<T>> {
    const { namespace, signal, ...query } = options;
    const request = {
      method: "GET",
      path: resourcePath(resource, { namespace }),
      query: texts(query),
      signal,
    } as const;
    const list = readList<T>(await this.#send(request), `${resource.kind}List`, request.path);
    // Items of a list carry neither on the wire.
    const items = list.items.map((item) => ({ ...item, apiVersion: apiVersionOf(resource), kind: resource.kind }));
    return { ...list, items };
  }

  /** All pages, and the revision at which they hold. */
  async listAll<T>(
    resource: Resource<T>,
    options: Selection & { readonly signal?: AbortSignal | undefined } = {},
  ): Promise<{ readonly items: readonly T[]; readonly resourceVersion: string }> {
    const items: T[] = [];
    let resourceVersion = "";
    for await (const page of this.pages(resource, options)) {
      items.push(...page.items);
      resourceVersion = page.metadata.resourceVersion ?? "";
    }
    return { items, resourceVersion };
  }

  /** Page by page: for those who keep little of each object. */
  async *pages<T>(
    resource: Resource<T>,
    options: Selection & { readonly signal?: AbortSignal | undefined } = {},
  ): AsyncGenerator<KubeList<T>> {
    let page: KubeList<T> = await this.list(resource, { ...options, limit: pageSize });
    yield page;
    while (page.metadata.continue !== undefined && page.metadata.continue !== "") {
      page = await this.list(resource, { ...options, limit: pageSize, continue: page.metadata.continue });
      yield page;
    }
  }

  async create<T extends object>(resource: Resource<T>, object: Draft<T>, subresource?: string): Promise<T> {
    const { namespace, name } = object.metadata;
    const place = subresource === undefined ? { namespace } : { namespace, name, subresource };
    return await this.#write("POST", resource, place, object);
  }

  /** Replaces an object; `metadata.resourceVersion`, when there, must still be the object's. */
  async update<T extends object>(resource: Resource<T>, object: Draft<T>, subresource?: string): Promise<T> {
    const { namespace, name } = object.metadata;
    return await this.#write("PUT", resource, { namespace, name, subresource }, object);
  }

  async patch<T>(resource: Resource<T>, place: Named, type: PatchType, patch: unknown): Promise<T> {
    return (await this.#send({
      method: "PATCH",
      path: resourcePath(resource, place),
      query: { fieldManager: this.#manager },
      body: patch,
      contentType: patchTypes[type],
    })) as T;
  }

  /** Server-side apply: what this client wants of an object, whether it is there or not; takes fields over from others. */
  async apply<T extends object>(resource: Resource<T>, object: Draft<T>, subresource?: string): Promise<T> {
    const { namespace, name } = object.metadata;
    return (await this.#send({
      method: "PATCH",
      path: resourcePath(resource, { namespace, name, subresource }),
      query: { fieldManager: this.#manager, force: "true" },
      body: { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object },
      contentType: "application/apply-patch+yaml",
    })) as T;
  }

  async remove<T>(resource: Resource<T>, place: Named, options: RemoveOptions = {}): Promise<void> {
    await this.#send({
      method: "DELETE",
      path: resourcePath(resource, place),
      query: {},
      body: { apiVersion: "v1", kind: "DeleteOptions", ...options },
    });
  }

  /** Changes as they happen. Ends when the server ends it; throws `KubeError` Expired when the revision is too old. */
  async *watch<T>(resource: Resource<T>, options: WatchOptions = {}): AsyncGenerator<WatchEvent<T>> {
    const { namespace, signal, opened, ...query } = options;
    const path = resourcePath(resource, { namespace });
    const request = {
      method: "GET",
      path,
      query: { ...texts(query), watch: "true", allowWatchBookmarks: "true" },
    } as const;
    for await (const line of splitLines(this.#transport.stream({ ...request, signal, opened }))) {
      yield decodeWatchEvent<T>(line);
    }
  }

  /** The bytes of a subresource that streams, such as `log`. */
  stream<T>(
    resource: Resource<T>,
    place: Place,
    query: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    return this.#transport.stream({ method: "GET", path: resourcePath(resource, place), query, signal });
  }

  /** Any request, for paths that are no resource: `/version`, `/healthz`, discovery. */
  async raw(request: KubeRequest): Promise<unknown> {
    return await this.#send(request);
  }

  async #write<T extends object>(
    method: "POST" | "PUT",
    resource: Resource<T>,
    place: Place,
    object: Draft<T>,
  ): Promise<T> {
    const query = { fieldManager: this.#manager };
    const body = { apiVersion: apiVersionOf(resource), kind: resource.kind, ...object };
    return (await this.#send({ method, path: resourcePath(resource, place), query, body })) as T;
  }

  async #send(request: KubeRequest): Promise<unknown> {
    const answer = await this.#transport.request(request);
    if (typeof answer === "object" && answer !== null) return answer;
    throw kubeError("InternalError", `${request.method} ${request.path} was answered with no object`);
  }
}

/** A list of the right kind whose objects have names: a proxy, or a server that lost its way, may answer with anything. */
function readList<T>(answer: unknown, kind: string, path: string): KubeList<T> {
  const { kind: found, items } = answer as { readonly kind?: unknown; readonly items?: unknown };
  if (found !== kind) throw kubeError("InternalError", `GET ${path} was answered with ${String(found)}, not ${kind}`);
  // A server written in Go says null for none.
  if (items === null) return { ...(answer as KubeList<T>), items: [] };
  if (!Array.isArray(items)) throw kubeError("InternalError", `GET ${path} was answered with a ${kind} without items`);
  const nameless = items.findIndex((item: unknown) => !hasName(item));
  if (nameless < 0) return answer as KubeList<T>;
  throw kubeError("InternalError", `GET ${path} was answered with a ${kind} whose item ${nameless} has no name`);
}

/** The parameters of a query that are there, as text. */
function texts(query: Readonly<Record<string, string | number | undefined>>): Record<string, string> {
  const there = Object.entries(query).flatMap(([key, value]) => (value === undefined ? [] : [[key, String(value)]]));
  return Object.fromEntries(there);
}
