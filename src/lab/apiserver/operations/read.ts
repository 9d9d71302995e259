// GET of an object and of a collection.

import { badRequest, expired, kubeError } from "#kube/kube-error.ts";
import type { ApiContext } from "#lab/apiserver/context.ts";
import { checkFields, selects } from "#lab/apiserver/field-selector.ts";
import { prefixOf } from "#lab/apiserver/keys.ts";
import { answerList } from "#lab/apiserver/present.ts";
import type { ListQuery } from "#lab/apiserver/query.ts";
import type { ApiResponse } from "#lab/apiserver/request.ts";
import type { Listing } from "#lab/apiserver/store/store.ts";
import { isStoreError } from "#lab/apiserver/store/store-error.ts";
import type { Stored } from "#lab/apiserver/store/stored.ts";
import { keyOfTarget, notFoundAt, type Target } from "#lab/apiserver/target.ts";

/** Throws NotFound. */
export function readObject(context: ApiContext, target: Target): Stored {
  const stored = context.store.get(keyOfTarget(target));
  if (stored === undefined) throw notFoundAt(target);
  return stored;
}

/** Pages of selected objects are filled by reading on; so many keys at a time. */
const chunkSize = 500;

/** A page of a collection. Throws Expired when the revision asked for is too old, Timeout when it is to come yet. */
export function listObjects(context: ApiContext, target: Target, query: ListQuery): ApiResponse {
  checkFields(target.definition, query.fields);
  const { items, revision, last, remaining } = readPage(context, target, query);
  const selected = query.labels.length > 0 || query.fields.length > 0;
  return answerList(context, target, items, {
    resourceVersion: String(revision),
    ...(last === undefined
      ? {}
      : {
          continue: encodeContinue({ revision, after: last }),
          // With a selector nobody has counted what follows.
          ...(selected ? {} : { remainingItemCount: remaining }),
        }),
  });
}

type Page = {
  readonly items: readonly Stored[];
  readonly revision: number;
  /** Key of the page's last object when more follow. */
  readonly last: string | undefined;
  readonly remaining: number;
};

function readPage(context: ApiContext, target: Target, query: ListQuery): Page {
  const { limit, labels, fields } = query;
  const prefix = prefixOf(target.definition, target.namespace);
  const start = startOf(context, query);
  const read = (after: string, revision: number | undefined) =>
    listOrExplain(context, query, prefix, {
      after,
      ...(limit === undefined
        ? {}
        : { limit: labels.length + fields.length === 0 ? limit : Math.max(limit, chunkSize) }),
      ...(revision === undefined ? {} : { revision }),
    });
  const items: Stored[] = [];
  let listing = read(start.after, start.revision);
  for (;;) {
    for (const [index, stored] of listing.items.entries()) {
      if (!selects(target, query, stored.object)) continue;
      items.push(stored);
      const remaining = listing.remaining + listing.items.length - 1 - index;
      if (items.length === limit && remaining > 0)
        return { items, revision: listing.revision, last: stored.key, remaining };
    }
    const last = listing.items.at(-1);
    if (last === undefined || listing.remaining === 0 || items.length === limit) break;
    listing = read(last.key, listing.revision);
  }
  return { items, revision: listing.revision, last: undefined, remaining: 0 };
}

function startOf(
  context: ApiContext,
  query: ListQuery,
): { readonly after: string; readonly revision: number | undefined } {
  const { continueToken, resourceVersion, match, limit } = query;
  if (continueToken !== "") return decodeContinue(continueToken);
  const asked = Number(resourceVersion);
  if (asked === 0) return { after: "", revision: undefined };
  if (asked > context.store.revision) throw tooLarge(asked, context.store.revision);
  // A page at a revision, without saying how it is meant, is that revision exactly (API concepts, "Semantics for get and list").
  const exact = match === "Exact" || (match === "" && limit !== undefined);
  return { after: "", revision: exact ? asked : undefined };
}

/** What a server says that has not seen a revision yet; clients try again. */
export function tooLarge(asked: number, current: number): Error {
  return kubeError("Timeout", `Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version", field: "" }],
    retryAfterSeconds: 1,
  });
}

function listOrExplain(
  { store }: ApiContext,
  { continueToken, resourceVersion }: ListQuery,
  prefix: string,
  options: Parameters<typeof store.list>[1],
): Listing {
  try {
    return store.list(prefix, options);
  } catch (error) {
    if (isStoreError(error, "future")) throw tooLarge(Number(resourceVersion), store.revision);
    if (!isStoreError(error, "compacted")) throw error;
    if (continueToken === "") throw expired(`The resourceVersion for the provided list is too old: ${resourceVersion}`);
    throw expired(
      "The provided continue parameter is too old to display a consistent list result. You must start a new list without the continue parameter.",
    );
  }
}

type Continue = { readonly revision: number; readonly after: string };

function encodeContinue({ revision, after }: Continue): string {
  return Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: revision, start: after })).toString("base64url");
}

function decodeContinue(token: string): Continue {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(token, "base64url").toString());
    if (v === "meta.k8s.io/v1" && Number.isSafeInteger(rv) && typeof start === "string") {
      return { revision: rv, after: start };
    }
  } catch {
    // Not made by this server: refused below.
  }
  throw badRequest("continue key is not valid: start a new list without it");
}
