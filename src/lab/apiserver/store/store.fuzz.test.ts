// Laws of the store: it does what a plain map does, and its watches tell exactly what happened.

import { describe, expect, test } from "bun:test";
import type { KubeObject } from "#kube/object.ts";
import { forEachSeed, type Random } from "#test/random.ts";
import type { StoreEvent } from "./event-window.ts";
import { Store } from "./store.ts";
import { isStoreError } from "./store-error.ts";

/** A map of what each key holds, and a copy of it for each revision. */
type Model = { readonly now: Map<string, KubeObject>; readonly past: Map<number, ReadonlyMap<string, KubeObject>> };

const prefixes = ["/core/pods/", "/core/pods/a/", "/core/pods/b/", "/apps/deployments/"];

function randomKey(random: Random): string {
  const resource = random.pick(["/core/pods", "/apps/deployments"]);
  return `${resource}/${random.pick(["a", "b"])}/${random.pick([..."pqrstu"])}`;
}

function randomObject(random: Random): KubeObject {
  return { apiVersion: "v1", kind: "Any", metadata: { name: "x" }, data: random.text(random.below(30)) };
}

/** One random write, done to both; whether they agree about what it did. */
function write(random: Random, store: Store, { now, past }: Model): void {
  const key = randomKey(random);
  const known = now.get(key);
  const right = Number(known?.metadata.resourceVersion ?? 0);
  const expected = random.chance(8) ? right + 1 : right;
  const object = randomObject(random);
  const revision = store.revision + 1;
  const versioned = { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } };
  const operation = random.pick(["create", "update", "remove"] as const);
  let code = "done";
  try {
    if (operation === "create") store.create(key, object);
    else if (operation === "update") store.update(key, object, expected);
    else store.remove(key, expected);
  } catch (error) {
    if (!isStoreError(error, "exists", "missing", "changed")) throw error;
    code = error.code;
  }
  const clash = operation === "create" ? "exists" : "changed";
  const may = operation === "create" ? known === undefined : expected === right;
  expect(code).toBe(operation !== "create" && known === undefined ? "missing" : may ? "done" : clash);
  if (code !== "done") return;
  if (operation === "remove") now.delete(key);
  else now.set(key, versioned);
  past.set(revision, new Map(now));
}

function sorted(states: ReadonlyMap<string, KubeObject>, prefix: string): readonly (readonly [string, KubeObject])[] {
  return [...states].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : 1));
}

/** All pages of a list at a revision, put together. */
function readAll(random: Random, store: Store, prefix: string, revision: number) {
  const items: (readonly [string, KubeObject])[] = [];
  const limit = random.int(1, 4);
  let after = "";
  for (;;) {
    const page = store.list(prefix, { limit, after, revision });
    items.push(...page.items.map(({ key, object }) => [key, object] as const));
    const last = page.items.at(-1);
    if (last === undefined || page.remaining === 0) return items;
    after = last.key;
  }
}

describe("the store", () => {
  test("holds what a map would hold, now and at every revision of its window", () => {
    forEachSeed(60, (random) => {
      using store = new Store({ path: ":memory:", window: { events: 40, characters: 1e6 } });
      const model: Model = { now: new Map(), past: new Map([[1, new Map()]]) };
      for (let step = 0; step < 120; step++) {
        write(random, store, model);
        if (!random.chance(6)) continue;
        const prefix = random.pick(prefixes);
        expect(readAll(random, store, prefix, store.revision)).toEqual([...sorted(model.now, prefix)]);
        const revision = Math.max(1, store.revision - random.below(40));
        expect(readAll(random, store, prefix, revision)).toEqual([
          ...sorted(model.past.get(revision) ?? new Map(), prefix),
        ]);
      }
    });
  });

  test("tells watchers the history of their prefix: replayed on what they listed, it gives what is there", () => {
    forEachSeed(60, (random) => {
      using store = new Store({ path: ":memory:", window: { events: 60, characters: 1e6 } });
      const model: Model = { now: new Map(), past: new Map([[1, new Map()]]) };
      using watches = new DisposableStack();
      const views: { readonly prefix: string; readonly seen: Map<string, KubeObject>; last: number }[] = [];
      for (let step = 0; step < 150; step++) {
        write(random, store, model);
        if (!random.chance(15)) continue;
        const from = Math.max(1, store.revision - random.below(60));
        const prefix = random.pick(prefixes);
        const view = { prefix, seen: new Map(sorted(model.past.get(from) ?? new Map(), prefix)), last: from };
        watches.use(store.watch(prefix, from, (event) => follow(view, event)));
        views.push(view);
      }
      for (const { prefix, seen } of views) expect([...sorted(seen, prefix)]).toEqual([...sorted(model.now, prefix)]);
    });
  });
});

function follow(
  view: { readonly prefix: string; readonly seen: Map<string, KubeObject>; last: number },
  event: StoreEvent,
) {
  const { type, key, current, previous, revision } = event;
  expect(key).toStartWith(view.prefix);
  expect(revision).toBeGreaterThan(view.last);
  expect(current.object.metadata.resourceVersion).toBe(String(revision));
  expect(previous?.object).toEqual(view.seen.get(key));
  expect(type === "ADDED").toBe(previous === undefined);
  view.last = revision;
  if (type === "DELETED") view.seen.delete(key);
  else view.seen.set(key, current.object);
}
