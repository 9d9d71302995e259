// A collection of the API followed for good: a list, then its changes, and a list again whenever the watch is lost.

import type { KubeClient, Selection } from "./client.ts";
import { hasReason } from "./kube-error.ts";
import type { Metadata } from "./object.ts";
import type { Resource } from "./resource.ts";

/**
 * What happened to the collection: it is read anew, some of its objects are there as given, what was not given since `listing` is not
 * there any more, one is gone, or a round failed.
 */
export type Change<T> =
  | { readonly change: "listing" }
  | { readonly change: "set"; readonly objects: readonly T[] }
  | { readonly change: "listed" }
  | { readonly change: "removed"; readonly object: T }
  | { readonly change: "failed"; readonly error: unknown; readonly retryMs: number };

/** Time and randomness of whoever follows. */
export type Pace = {
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** 0 to 1. */
  readonly random: () => number;
};

const firstRetryMs = 200;
const lastRetryMs = 30_000;
/** Watches are renewed at random moments between one and two of these, so that clients do not all come back at once. */
const watchSeconds = 300;

/**
 * Follows a collection until the signal aborts. What `read` makes of an object is all that is kept of it; `opened` is told when a watch
 * begins. A watch that ends is taken up where it stopped; one whose revision the server no longer has (410) begins with a list again.
 * Never throws: what fails is a change of its own, and is tried again, later and later up to 30 s.
 */
export async function* reflect<T extends { readonly metadata: Metadata }, R>(
  client: KubeClient,
  resource: Resource<T>,
  read: (object: T) => R,
  selection: Selection,
  pace: Pace,
  signal: AbortSignal,
  opened: () => void = () => {},
): AsyncGenerator<Change<R>> {
  let revision: string | undefined;
  let retryMs = firstRetryMs;
  while (!signal.aborted) {
    try {
      if (revision === undefined) {
        yield { change: "listing" };
        revision = yield* list(client, resource, read, { ...selection, signal });
        yield { change: "listed" };
      }
      const timeoutSeconds = Math.round(watchSeconds * (1 + pace.random()));
      const options = { ...selection, resourceVersion: revision, timeoutSeconds, signal, opened };
      for await (const { type, object } of client.watch(resource, options)) {
        revision = object.metadata.resourceVersion ?? revision;
        retryMs = firstRetryMs;
        if (type === "DELETED") yield { change: "removed", object: read(object) };
        else if (type !== "BOOKMARK") yield { change: "set", objects: [read(object)] };
      }
      // It has lasted as long as it was to: what failed before that is no sign any more.
      retryMs = firstRetryMs;
      // A server that ends every watch at once must not be asked in a tight loop.
      await pace.sleep(firstRetryMs * pace.random(), signal);
    } catch (error) {
      if (signal.aborted) return;
      if (hasReason(error, "Expired", "Gone")) {
        revision = undefined;
        // Of a server that says so each time nobody wants to hear it at once again.
        await pace.sleep(firstRetryMs * pace.random(), signal);
        continue;
      }
      yield { change: "failed", error, retryMs };
      await pace.sleep(retryMs * (0.5 + pace.random()), signal);
      retryMs = Math.min(2 * retryMs, lastRetryMs);
    }
  }
}

/** Page by page: of a large collection only what `read` keeps is ever in memory. Returns the revision at which it holds. */
async function* list<T, R>(
  client: KubeClient,
  resource: Resource<T>,
  read: (object: T) => R,
  options: Selection & { readonly signal: AbortSignal },
): AsyncGenerator<Change<R>, string> {
  let revision = "";
  for await (const { items, metadata } of client.pages(resource, options)) {
    yield { change: "set", objects: items.map(read) };
    revision = metadata.resourceVersion ?? "";
  }
  return revision;
}
