// Watches: what they begin with, what selectors make of changes, bookmarks, and their end.

import { describe, expect, test } from "bun:test";
import { at, podNamed, shopPods, TestApi } from "#test/lab/api.ts";

async function label(api: TestApi, name: string, app: string | null): Promise<void> {
  await api.patch(`${shopPods}/${name}`, "merge", { metadata: { labels: { app } } });
}

describe("a watch", () => {
  test("begins with what is there, then tells every change", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    using watch = await api.watch(shopPods);
    await api.send(`POST ${shopPods}`, podNamed("b"));
    await label(api, "a", "web");
    await api.send(`DELETE ${shopPods}/b`);
    await api.send("POST /api/v1/namespaces/shop/configmaps", {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "c" },
    });
    expect(await watch.lines()).toEqual(["ADDED a", "ADDED b", "MODIFIED a", "DELETED b"]);
    expect(at(watch.events, "3.object.metadata.resourceVersion")).toBe(String(api.store.revision - 1));
  });

  test("tells only what came after its revision", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    const from = api.store.revision;
    await api.send(`POST ${shopPods}`, podNamed("b"));
    using watch = await api.watch(`${shopPods}?resourceVersion=${from}`);
    await api.send(`POST ${shopPods}`, podNamed("c"));
    expect(await watch.lines()).toEqual(["ADDED b", "ADDED c"]);
  });

  test("sees objects come into its selector and leave it", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    using watch = await api.watch(`${shopPods}?labelSelector=app%3Dweb`);
    await label(api, "a", "web");
    await api.patch(`${shopPods}/a`, "merge", { metadata: { annotations: { x: "1" } } });
    await label(api, "a", "db");
    await api.patch(`${shopPods}/a`, "merge", { metadata: { annotations: { x: "2" } } });
    await label(api, "a", "web");
    await api.send(`DELETE ${shopPods}/a`);
    expect(await watch.lines()).toEqual(["ADDED a", "MODIFIED a", "DELETED a", "ADDED a", "DELETED a"]);
    // What leaves is told as it is now, with the revision that made it leave.
    expect(at(watch.events, "2.object")).toMatchObject({ metadata: { labels: { app: "db" } } });
  });

  test("watches one object, and one field", async () => {
    using api = await TestApi.withShop();
    using one = await api.watch(`${shopPods}?fieldSelector=metadata.name%3Db`);
    using node = await api.watch("/api/v1/pods?fieldSelector=spec.nodeName%3Dn1");
    await api.send(`POST ${shopPods}`, podNamed("a"));
    await api.send(`POST ${shopPods}`, podNamed("b"));
    const binding = {
      apiVersion: "v1",
      kind: "Binding",
      metadata: { name: "a" },
      target: { kind: "Node", name: "n1" },
    };
    await api.send(`POST ${shopPods}/a/binding`, binding);
    expect(await one.lines()).toEqual(["ADDED b"]);
    using path = await api.watch(`${shopPods}/b`);
    expect(await path.lines()).toEqual(["ADDED b"]);
    expect(await node.lines()).toEqual(["ADDED a"]);
  });

  test("marks the end of the initial events", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    using watch = await api.watch(`${shopPods}?${query}`);
    expect(await watch.lines()).toEqual(["ADDED a", "BOOKMARK"]);
    expect(at(watch.events, "1.object")).toMatchObject({
      kind: "Pod",
      metadata: { resourceVersion: "3", annotations: { "k8s.io/initial-events-end": "true" } },
    });
  });

  test("says which revision it has reached when nothing else concerns it for a minute", async () => {
    using api = await TestApi.withShop();
    using watch = await api.watch(`${shopPods}?labelSelector=app%3Dweb&allowWatchBookmarks=true`);
    using silent = await api.watch(`${shopPods}?labelSelector=app%3Dweb`);
    await watch.lines();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    expect(await watch.lines()).toEqual([]);
    api.nowMs += 60_000;
    await api.send(`POST ${shopPods}`, podNamed("b"));
    expect(await watch.lines()).toEqual(["BOOKMARK"]);
    expect(at(watch.events, "0.object.metadata.resourceVersion")).toBe(String(api.store.revision));
    await label(api, "a", "web");
    expect(await watch.lines()).toEqual(["BOOKMARK", "ADDED a"]);
    expect(await silent.lines()).toEqual(["ADDED a"]);
  });

  test("without initial events begins now", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    using watch = await api.watch(`${shopPods}?sendInitialEvents=false&resourceVersionMatch=NotOlderThan`);
    await api.send(`POST ${shopPods}`, podNamed("b"));
    expect(await watch.lines()).toEqual(["ADDED b"]);
  });

  test("ends after its timeout", async () => {
    using api = await TestApi.withShop();
    using watch = await api.watch(`${shopPods}?timeoutSeconds=0`);
    await watch.ended;
    expect(watch.events).toEqual([]);
  });

  test("ends when its client goes, and leaves nothing behind", async () => {
    using api = await TestApi.withShop();
    const watch = await api.watch(shopPods);
    watch[Symbol.dispose]();
    await watch.ended;
    await api.send(`POST ${shopPods}`, podNamed("a"));
    expect(await watch.lines()).toEqual([]);
  });

  test("tells as an event that its revision is too old", async () => {
    using api = await TestApi.withShop({ window: { events: 2, characters: 1e6 } });
    for (const name of "abcd") await api.send(`POST ${shopPods}`, podNamed(name));
    using watch = await api.watch(`${shopPods}?resourceVersion=2`);
    await watch.ended;
    expect(watch.events).toMatchObject([{ type: "ERROR", object: { kind: "Status", code: 410, reason: "Expired" } }]);
  });

  const refused: readonly (readonly [query: string, status: number])[] = [
    ["resourceVersion=999", 504],
    ["resourceVersionMatch=NotOlderThan", 422],
    ["sendInitialEvents=true", 422],
    ["sendInitialEvents=true&resourceVersionMatch=Exact", 422],
    ["fieldSelector=spec.color%3Dred", 400],
  ];
  for (const [query, status] of refused) {
    test(`is refused with ${query}`, async () => {
      using api = await TestApi.withShop();
      expect((await api.send(`GET ${shopPods}?watch=true&${query}`)).status).toBe(status);
    });
  }

  test("sends tables, of which the first names the columns", async () => {
    using api = await TestApi.withShop();
    using watch = await api.watch(shopPods, { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" });
    await api.send(`POST ${shopPods}`, podNamed("a"));
    await api.send(`POST ${shopPods}`, podNamed("b"));
    await watch.lines();
    expect(watch.events).toMatchObject([{ object: { kind: "Table" } }, { object: { kind: "Table" } }]);
    expect(at(watch.events, "0.object.columnDefinitions.0.name")).toBe("Name");
    expect(at(watch.events, "1.object")).toMatchObject({
      columnDefinitions: [],
      rows: [{ object: { metadata: { name: "b" } } }],
    });
  });
});
