// Lists: pages at one revision, selectors, and what a resource version asks for.

import { describe, expect, test } from "bun:test";
import { at, names, podNamed, shopPods, TestApi } from "#test/lab/api.ts";

async function shopWith(podNames: string, window?: { events: number; characters: number }): Promise<TestApi> {
  const api = await TestApi.withShop(window === undefined ? {} : { window });
  for (const [index, name] of podNames.split(" ").entries()) {
    const labels = { app: index % 2 === 0 ? "even" : "odd" };
    await api.send(`POST ${shopPods}`, podNamed(name, { metadata: { labels }, spec: { nodeName: `n${index % 3}` } }));
  }
  return api;
}

describe("a list", () => {
  test("has kind, version, revision and complete items", async () => {
    using api = await shopWith("a b");
    const { status, body } = await api.send(`GET ${shopPods}`);
    expect(status).toBe(200);
    expect(body).toMatchObject({ kind: "PodList", apiVersion: "v1", metadata: { resourceVersion: "4" } });
    expect(at(body, "items.0")).toMatchObject({ kind: "Pod", metadata: { name: "a", namespace: "shop" } });
  });

  test("is empty, and no error, where nothing is", async () => {
    using api = await TestApi.withShop();
    expect(await api.send("GET /api/v1/namespaces/nowhere/pods")).toMatchObject({ status: 200, body: { items: [] } });
  });

  const selected: readonly (readonly [query: string, expected: string])[] = [
    ["labelSelector=app%3Deven", "a c e"],
    ["labelSelector=app!%3Deven", "b d"],
    ["labelSelector=app in (odd,none)", "b d"],
    ["fieldSelector=metadata.name%3Dc", "c"],
    ["fieldSelector=spec.nodeName%3Dn0", "a d"],
    ["fieldSelector=status.phase!%3DPending", ""],
    ["fieldSelector=spec.nodeName%3Dn0&labelSelector=app%3Deven", "a"],
    ["fieldSelector=spec.hostNetwork%3Dfalse", "a b c d e"],
  ];
  for (const [query, expected] of selected) {
    test(`selects by ${decodeURIComponent(query)}`, async () => {
      using api = await shopWith("a b c d e");
      expect(names(await api.send(`GET ${shopPods}?${query}`))).toBe(expected);
    });
  }

  test("goes through pages of the same revision while objects come and go", async () => {
    using api = await shopWith("a b c d e");
    const first = await api.send(`GET ${shopPods}?limit=2`);
    expect(names(first)).toBe("a b");
    expect(at(first.body, "metadata")).toMatchObject({ resourceVersion: "7", remainingItemCount: 3 });
    const token = at(first.body, "metadata.continue");
    await api.send(`POST ${shopPods}`, podNamed("bb"));
    await api.send(`DELETE ${shopPods}/d?gracePeriodSeconds=0`);
    const second = await api.send(`GET ${shopPods}?limit=2&continue=${token}`);
    expect([names(second), at(second.body, "metadata.resourceVersion")]).toEqual(["c d", "7"]);
    const third = await api.send(`GET ${shopPods}?limit=2&continue=${at(second.body, "metadata.continue")}`);
    expect(names(third)).toBe("e");
    expect(at(third.body, "metadata")).not.toHaveProperty("continue");
  });

  test("fills pages of selected objects, and counts nothing then", async () => {
    using api = await shopWith("a b c d e");
    const first = await api.send(`GET ${shopPods}?limit=2&labelSelector=app%3Deven`);
    expect(names(first)).toBe("a c");
    expect(at(first.body, "metadata")).not.toHaveProperty("remainingItemCount");
    const token = at(first.body, "metadata.continue");
    const second = await api.send(`GET ${shopPods}?limit=2&labelSelector=app%3Deven&continue=${token}`);
    expect(names(second)).toBe("e");
    expect(at(second.body, "metadata")).not.toHaveProperty("continue");
  });

  const versions: readonly (readonly [query: string, status: number, expected: string])[] = [
    ["resourceVersion=0", 200, "a b c"],
    ["resourceVersion=4", 200, "a b c"],
    ["resourceVersion=4&resourceVersionMatch=NotOlderThan", 200, "a b c"],
    ["resourceVersion=4&resourceVersionMatch=Exact", 200, "a b"],
    ["resourceVersion=4&limit=10", 200, "a b"],
    ["resourceVersion=99", 504, "Timeout"],
    ["resourceVersion=99&resourceVersionMatch=Exact", 504, "Timeout"],
    ["resourceVersion=abc", 400, "BadRequest"],
    ["resourceVersionMatch=Exact", 422, "Invalid"],
    ["resourceVersion=0&resourceVersionMatch=Exact", 422, "Invalid"],
    ["resourceVersion=3&resourceVersionMatch=Newest", 422, "Invalid"],
    ["limit=two", 400, "BadRequest"],
    ["continue=nonsense", 400, "BadRequest"],
    ["labelSelector=a b", 400, "BadRequest"],
    ["fieldSelector=spec.color%3Dred", 400, "BadRequest"],
  ];
  for (const [query, status, expected] of versions) {
    test(`answers ${query} with ${expected}`, async () => {
      using api = await shopWith("a b c");
      const answer = await api.send(`GET ${shopPods}?${query}`);
      expect(answer.status).toBe(status);
      expect(status === 200 ? names(answer) : at(answer.body, "reason")).toBe(expected);
    });
  }

  test("says that a page or a revision is too old", async () => {
    using api = await shopWith("a b c d", { events: 4, characters: 1e6 });
    const token = at((await api.send(`GET ${shopPods}?limit=1`)).body, "metadata.continue");
    for (const name of "efghi") await api.send(`POST ${shopPods}`, podNamed(name));
    const paged = await api.send(`GET ${shopPods}?limit=1&continue=${token}`);
    expect(paged).toMatchObject({ status: 410, body: { reason: "Expired" } });
    const exact = await api.send(`GET ${shopPods}?resourceVersion=3&resourceVersionMatch=Exact`);
    expect(exact).toMatchObject({ status: 410, body: { reason: "Expired" } });
  });
});
