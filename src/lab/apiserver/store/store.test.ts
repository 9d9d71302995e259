// The store against a model of it, its window of changes, and its end by kill -9.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { KubeObject } from "#kube/object.ts";
import { thrownBy } from "#test/thrown.ts";
import type { StoreEvent } from "./event-window.ts";
import { Store } from "./store.ts";

function pod(name: string, extra: object = {}): KubeObject {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop" }, ...extra };
}

function keyOf(name: string): string {
  return `/core/pods/shop/${name}`;
}

function names(listing: { readonly items: readonly { readonly key: string }[] }): string {
  return listing.items.map(({ key }) => key.replace(/.*\//, "")).join(" ");
}

describe("Store", () => {
  test("gives each write the next revision, and writes it into the object", () => {
    using store = new Store({ path: ":memory:" });
    expect(store.revision).toBe(1);
    const a = store.create(keyOf("a"), pod("a"));
    expect(a).toMatchObject({ revision: 2, object: { metadata: { resourceVersion: "2" } } });
    expect(store.update(keyOf("a"), pod("a", { spec: {} }), 2).revision).toBe(3);
    expect(store.get(keyOf("a"))?.object).toMatchObject({ spec: {}, metadata: { resourceVersion: "3" } });
    expect(store.remove(keyOf("a"), 3).object.metadata.resourceVersion).toBe("4");
    expect(store.get(keyOf("a"))).toBeUndefined();
    expect(store.revision).toBe(4);
  });

  const refused: readonly (readonly [what: string, code: string, call: (store: Store) => unknown])[] = [
    ["a key that is taken", "exists", (store) => store.create(keyOf("a"), pod("a"))],
    ["an update at another revision", "changed", (store) => store.update(keyOf("a"), pod("a"), 1)],
    ["an update of nothing", "missing", (store) => store.update(keyOf("b"), pod("b"), 1)],
    ["a removal at another revision", "changed", (store) => store.remove(keyOf("a"), 9)],
    ["a removal of nothing", "missing", (store) => store.remove(keyOf("b"), 1)],
    ["a list at a revision to come", "future", (store) => store.list("/core/pods/", { revision: 99 })],
    ["a watch from a revision to come", "future", (store) => store.watch("/core/pods/", 99, () => {})],
  ];
  for (const [what, code, call] of refused) {
    test(`refuses ${what}`, () => {
      using store = new Store({ path: ":memory:" });
      store.create(keyOf("a"), pod("a"));
      expect(thrownBy(() => call(store))).toMatchObject({ name: "StoreError", code });
      expect(store.revision).toBe(2);
    });
  }

  test("lists what begins with a prefix, and nothing beside it", () => {
    using store = new Store({ path: ":memory:" });
    for (const key of ["/core/pods/a/x", "/core/pods/b/x", "/core/pods.x/a/x", "/core/podx/a/x", "/core/pod/a/x"]) {
      store.create(key, pod("x"));
    }
    expect(store.list("/core/pods/").items.map(({ key }) => key)).toEqual(["/core/pods/a/x", "/core/pods/b/x"]);
    expect(store.list("/core/pods/b/").items.map(({ key }) => key)).toEqual(["/core/pods/b/x"]);
  });

  test("pages through a revision while everything changes", () => {
    using store = new Store({ path: ":memory:" });
    for (const name of "abcdef") store.create(keyOf(name), pod(name, { old: true }));
    const { revision } = store;
    const first = store.list("/core/pods/", { limit: 2 });
    expect([names(first), first.remaining, first.revision]).toEqual(["a b", 4, revision]);
    store.remove(keyOf("c"), 4);
    store.create(keyOf("bb"), pod("bb"));
    store.update(keyOf("d"), pod("d", { old: false }), 5);
    const second = store.list("/core/pods/", { limit: 2, after: keyOf("b"), revision });
    expect([names(second), second.remaining]).toEqual(["c d", 2]);
    expect(second.items.map(({ object }) => object["old"])).toEqual([true, true]);
    expect(names(store.list("/core/pods/", { limit: 2, after: keyOf("d"), revision }))).toBe("e f");
    expect(names(store.list("/core/pods/"))).toBe("a b bb d e f");
  });

  test("forgets old changes, and says so", () => {
    using store = new Store({ path: ":memory:", window: { events: 3, characters: 1e6 } });
    for (const name of "abcde") store.create(keyOf(name), pod(name));
    expect(thrownBy(() => store.watch("/core/pods/", 2, () => {}))).toMatchObject({ code: "compacted" });
    expect(thrownBy(() => store.list("/core/pods/", { revision: 2 }))).toMatchObject({ code: "compacted" });
    expect(names(store.list("/core/pods/", { revision: 3 }))).toBe("a b");
    const seen: number[] = [];
    using _watch = store.watch("/core/pods/", 3, ({ revision }) => seen.push(revision));
    expect(seen).toEqual([4, 5, 6]);
  });

  test("remembers characters, not only changes", () => {
    using store = new Store({ path: ":memory:", window: { events: 100, characters: 5_000 } });
    for (let i = 0; i < 20; i++) store.create(keyOf(`p${i}`), pod(`p${i}`, { data: "x".repeat(1_000) }));
    expect(thrownBy(() => store.watch("/core/pods/", 15, () => {}))).toMatchObject({ code: "compacted" });
    expect(names(store.list("/core/pods/", { revision: 18 })).split(" ")).toHaveLength(17);
  });

  test("tells a watcher what concerns it, until it ends", () => {
    using store = new Store({ path: ":memory:" });
    const seen: string[] = [];
    const note = ({ type, key }: StoreEvent) => seen.push(`${type} ${key}`);
    const shop = store.watch("/core/pods/shop/", store.revision, note);
    store.create("/core/pods/shop/a", pod("a"));
    store.create("/core/pods/shopping/a", pod("a"));
    store.create("/core/services/shop/a", pod("a"));
    store.remove("/core/pods/shop/a", 2);
    shop[Symbol.dispose]();
    store.create("/core/pods/shop/b", pod("b"));
    expect(seen).toEqual(["ADDED /core/pods/shop/a", "DELETED /core/pods/shop/a"]);
  });

  test("survives the end of its process", () => {
    const folder = mkdtempSync(join(tmpdir(), "twill-store-"));
    try {
      const path = join(folder, "store.db");
      {
        using store = new Store({ path });
        store.create(keyOf("a"), pod("a"));
        store.create(keyOf("b"), pod("b"));
        store.remove(keyOf("b"), 3);
      }
      using store = new Store({ path });
      expect(store.revision).toBe(4);
      expect(names(store.list("/core/pods/"))).toBe("a");
      expect(thrownBy(() => store.watch("/core/pods/", 3, () => {}))).toMatchObject({ code: "compacted" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("says whose a file is that it cannot open", async () => {
    const folder = mkdtempSync(join(tmpdir(), "twill-store-"));
    try {
      const path = join(folder, "store.db");
      using store = new Store({ path });
      store.create(keyOf("a"), pod("a"));
      const script = `
        import { Store } from "${import.meta.dir}/store.ts";
        try { new Store({ path: ${JSON.stringify(path)} }); } catch (error) { console.log(error.code, error.message); }`;
      const other = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
      expect(await other.stdout.text()).toBe(
        `busy Cannot open the store ${path}: another process has it open, end that first\n`,
      );
      const text = join(folder, "text");
      writeFileSync(
        text,
        "no database, but long enough to be read as the header of one, and then some more text to be sure",
      );
      expect(thrownBy(() => new Store({ path: text }))).toMatchObject({ code: "foreign" });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("loses nothing that it told when it is killed in the middle of writes", async () => {
    const folder = mkdtempSync(join(tmpdir(), "twill-store-"));
    try {
      const path = join(folder, "store.db");
      const script = `
        import { Store } from "${import.meta.dir}/store.ts";
        const store = new Store({ path: ${JSON.stringify(path)} });
        for (let i = 0; ; i++) {
          const name = "p" + String(i).padStart(8, "0");
          store.create("/core/pods/shop/" + name, { apiVersion: "v1", kind: "Pod", metadata: { name } });
          if (i % 3 === 2) store.remove("/core/pods/shop/" + name, store.revision);
          require("node:fs").writeSync(1, i + " " + store.revision + "\\n");
        }`;
      const writer = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
      let told = "";
      for await (const chunk of writer.stdout.pipeThrough(new TextDecoderStream())) {
        told += chunk;
        if (told.length > 4_000 && writer.exitCode === null && !writer.killed) writer.kill("SIGKILL");
      }
      const last = told.trimEnd().split("\n").at(-1) ?? "";
      const [index = 0, revision = 0] = last.split(" ").map(Number);
      expect(index).toBeGreaterThan(100);
      using store = new Store({ path });
      // The writer may have come further than it could tell: at most by one round of the loop.
      expect(store.revision - revision).toBeWithin(0, 3);
      const kept = store.list("/core/pods/").items;
      const numbers = kept.map(({ key }) => Number(/(\d+)$/.exec(key)?.[1]));
      expect(numbers.filter((i) => i <= index)).toEqual(
        Array.from({ length: index + 1 }, (_, i) => i).filter((i) => i % 3 !== 2),
      );
      expect(Math.max(...kept.map((stored) => stored.revision))).toBeLessThanOrEqual(store.revision);
      store.create(keyOf("after"), pod("after"));
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
