// GET of a collection with `watch`: its changes as they happen, one JSON object a line.

import { expired, type KubeError } from "#kube/kube-error.ts";
import type { FieldRequirement } from "#kube/selector.ts";
import type { ApiContext } from "#lab/apiserver/context.ts";
import { checkFields, selects } from "#lab/apiserver/field-selector.ts";
import { prefixOf } from "#lab/apiserver/keys.ts";
import type { Form } from "#lab/apiserver/negotiate.ts";
import { formOf, watchText } from "#lab/apiserver/present.ts";
import type { ListQuery } from "#lab/apiserver/query.ts";
import { type ApiResponse, jsonHeaders } from "#lab/apiserver/request.ts";
import type { StoreEvent } from "#lab/apiserver/store/event-window.ts";
import { isStoreError } from "#lab/apiserver/store/store-error.ts";
import type { Stored } from "#lab/apiserver/store/stored.ts";
import { apiVersionOfTarget, type Target } from "#lab/apiserver/target.ts";
import { tooLarge } from "./read.ts";
import { WatchQueue } from "./watch-queue.ts";

/** How often a watch that has nothing to tell says which revision it has reached, when the client asked for that. */
const bookmarkIntervalMs = 60_000;
/** Watches that name no end get one between this and twice this, so that not all clients come back at once. */
const defaultTimeoutSeconds = 1_800;

/**
 * Starts a watch at once; its changes are sent as the stream is read. A revision too old for the window of changes is told as an ERROR
 * event, as clients expect it.
 */
export function watchObjects(context: ApiContext, target: Target, asked: ListQuery): ApiResponse {
  checkFields(target.definition, asked.fields);
  const query = target.name === "" ? asked : { ...asked, fields: [...asked.fields, nameIs(target.name)] };
  const from = Number(query.resourceVersion);
  if (from > context.store.revision) throw tooLarge(from, context.store.revision);
  const watch: Watch = { context, target, query, form: formOf(target), queue: new WatchQueue() };
  return { status: 200, headers: jsonHeaders, stream: lines(watch, open(watch, from)) };
}

/** A watch of one object's path is one of its collection that selects its name. */
function nameIs(value: string): FieldRequirement {
  return { path: "metadata.name", equal: true, value };
}

type Watch = {
  readonly context: ApiContext;
  readonly target: Target;
  readonly query: ListQuery;
  readonly form: Form;
  readonly queue: WatchQueue;
};

type Opened =
  | { readonly initial: readonly Stored[]; readonly revision: number; readonly subscription: Disposable }
  | { readonly error: KubeError };

/** The current objects, when they are asked for, and everything after them: nothing can happen between the two. */
function open({ context, target, query, queue }: Watch, from: number): Opened {
  const { store } = context;
  const prefix = prefixOf(target.definition, target.namespace);
  // Without a revision a watch begins with what is there, unless the client says that it wants none of it.
  const withInitial = query.sendInitialEvents ?? from === 0;
  const initial = withInitial ? store.list(prefix).items.filter((stored) => selects(target, query, stored.object)) : [];
  const start = withInitial || from === 0 ? store.revision : from;
  try {
    const subscription = untilAbort(target.request.signal, store.watch(prefix, start, queue.push));
    return { initial, revision: start, subscription };
  } catch (error) {
    if (isStoreError(error, "compacted")) return { error: expired(`too old resource version: ${from}`) };
    throw error;
  }
}

/** Ends also with its signal: a caller that is gone before it reads anything never starts the stream. */
function untilAbort(signal: AbortSignal, subscription: Disposable): Disposable {
  const stop = () => {
    subscription[Symbol.dispose]();
    signal.removeEventListener("abort", stop);
  };
  signal.addEventListener("abort", stop);
  return { [Symbol.dispose]: stop };
}

async function* lines(watch: Watch, opened: Opened): AsyncGenerator<string> {
  if ("error" in opened) {
    yield `{"type":"ERROR","object":${JSON.stringify(opened.error.status)}}\n`;
    return;
  }
  const { context, target, query, queue } = watch;
  const { signal } = target.request;
  using _subscription = opened.subscription;
  const seconds = query.timeoutSeconds ?? defaultTimeoutSeconds * (1 + fraction(context.random));
  const timer = setTimeout(queue.end, seconds * 1_000);
  signal.addEventListener("abort", queue.end, { once: true });
  const line = lineWriter(watch);
  try {
    yield* inChunks(opened.initial.map((stored) => line("ADDED", stored)));
    if (query.sendInitialEvents === true && query.bookmarks) {
      yield bookmark(watch, opened.revision, { "k8s.io/initial-events-end": "true" });
    }
    let sentMs = context.now();
    while (!signal.aborted) {
      const events = await queue.next(bookmarkIntervalMs);
      if (events === undefined) break;
      const seen = events.flatMap((event) => {
        const type = transition(watch, event);
        return type === undefined ? [] : [line(type, event.current)];
      });
      if (seen.length > 0) {
        sentMs = context.now();
        yield* inChunks(seen);
      } else if (query.bookmarks && queue.isEmpty && context.now() - sentMs >= bookmarkIntervalMs) {
        // Nothing waits: the watcher has seen all that concerns it up to the last write.
        sentMs = context.now();
        yield bookmark(watch, context.store.revision);
      }
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", queue.end);
  }
}

/** What a change is to this watcher: an object that is no longer selected is gone for it, one that is now selected is new. */
function transition({ target, query }: Watch, { type, current, previous }: StoreEvent): StoreEvent["type"] | undefined {
  if (query.labels.length === 0 && query.fields.length === 0) return type;
  const is = type !== "DELETED" && selects(target, query, current.object);
  const was = previous !== undefined && selects(target, query, previous.object);
  if (is) return was ? "MODIFIED" : "ADDED";
  return was ? "DELETED" : undefined;
}

/** Writes events one after another: of tables only the first names the columns. */
function lineWriter({ context, target, form }: Watch): (type: string, stored: Stored) => string {
  let first = true;
  return (type, stored) => {
    const object = watchText(context, target, form, stored, first);
    first = false;
    return `{"type":"${type}","object":${object}}\n`;
  };
}

/** What happened at once is sent together, but not without limit. */
const chunkCharacters = 64 * 2 ** 10;

function* inChunks(lines: Iterable<string>): Generator<string> {
  let chunk = "";
  for (const line of lines) {
    chunk += line;
    if (chunk.length < chunkCharacters) continue;
    yield chunk;
    chunk = "";
  }
  if (chunk !== "") yield chunk;
}

function bookmark({ target, form }: Watch, revision: number, annotations?: object): string {
  const metadata = { resourceVersion: String(revision), creationTimestamp: null, ...(annotations && { annotations }) };
  const what =
    form.as === "table"
      ? { kind: "Table", apiVersion: `meta.k8s.io/${form.version}`, columnDefinitions: [], rows: [] }
      : form.as === "metadata"
        ? { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" }
        : { kind: target.definition.kind, apiVersion: apiVersionOfTarget(target) };
  return `${JSON.stringify({ type: "BOOKMARK", object: { ...what, metadata } })}\n`;
}

/** From 0 to 1. */
function fraction(random: ApiContext["random"]): number {
  const [byte = 0] = random(new Uint8Array(1));
  return byte / 255;
}
