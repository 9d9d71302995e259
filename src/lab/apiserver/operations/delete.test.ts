// Deletion: grace, finalizers, who is orphaned, preconditions, collections.

import { describe, expect, test } from "bun:test";
import { at, configMap, deployment, names, podNamed, shopPods, TestApi } from "#test/lab/api.ts";

const maps = "/api/v1/namespaces/shop/configmaps";
const deployments = "/apis/apps/v1/namespaces/shop/deployments";

async function withPod(spec: object, status?: object): Promise<TestApi> {
  const api = await TestApi.withShop();
  await api.send(`POST ${shopPods}`, podNamed("a", { spec }));
  if (status !== undefined) await api.patch(`${shopPods}/a/status`, "merge", { status });
  return api;
}

describe("the deletion of a pod", () => {
  const placed = { nodeName: "n1" };

  test("gives it the time that it asks for", async () => {
    using api = await withPod({ ...placed, terminationGracePeriodSeconds: 45 });
    const answer = await api.send(`DELETE ${shopPods}/a`);
    expect(answer).toMatchObject({
      status: 200,
      body: {
        kind: "Pod",
        metadata: { deletionTimestamp: "2030-01-01T00:00:45Z", deletionGracePeriodSeconds: 45 },
      },
    });
    expect((await api.send(`GET ${shopPods}/a`)).status).toBe(200);
  });

  test("ends when its kubelet deletes it without grace", async () => {
    using api = await withPod(placed);
    await api.send(`DELETE ${shopPods}/a`);
    const answer = await api.send(`DELETE ${shopPods}/a`, { gracePeriodSeconds: 0 });
    expect(answer).toMatchObject({ status: 200, body: { kind: "Pod" } });
    expect((await api.send(`GET ${shopPods}/a`)).status).toBe(404);
  });

  test("can be shortened, never prolonged", async () => {
    using api = await withPod(placed);
    const grace = async (seconds: number) =>
      at((await api.send(`DELETE ${shopPods}/a`, { gracePeriodSeconds: seconds })).body, "metadata");
    expect(await grace(30)).toMatchObject({ deletionGracePeriodSeconds: 30 });
    expect(await grace(60)).toMatchObject({ deletionGracePeriodSeconds: 30 });
    api.nowMs += 1_000;
    expect(await grace(5)).toMatchObject({
      deletionGracePeriodSeconds: 5,
      deletionTimestamp: "2030-01-01T00:00:06Z",
    });
  });

  const atOnce: readonly (readonly [what: string, spec: object, status: object | undefined, query: string])[] = [
    ["has no node", {}, undefined, ""],
    ["has ended", placed, { phase: "Succeeded" }, ""],
    ["has failed", placed, { phase: "Failed" }, ""],
    ["is given none", placed, { phase: "Running" }, "?gracePeriodSeconds=0"],
  ];
  for (const [what, spec, status, query] of atOnce) {
    test(`needs no time when it ${what}`, async () => {
      using api = await withPod(spec, status);
      await api.send(`DELETE ${shopPods}/a${query}`);
      expect((await api.send(`GET ${shopPods}/a`)).status).toBe(404);
    });
  }
});

describe("a deletion", () => {
  test("answers with what is gone", async () => {
    using api = await TestApi.withShop();
    const { body: made } = await api.send(`POST ${deployments}`, deployment("web"));
    expect(await api.send(`DELETE ${deployments}/web`)).toMatchObject({
      status: 200,
      body: {
        kind: "Status",
        status: "Success",
        details: { name: "web", group: "apps", kind: "deployments", uid: at(made, "metadata.uid") },
      },
    });
    expect((await api.send(`DELETE ${deployments}/web`)).status).toBe(404);
  });

  test("waits for finalizers, and takes no new ones", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${maps}`, { ...configMap("a"), metadata: { name: "a", finalizers: ["a.example/x"] } });
    const answer = await api.send(`DELETE ${maps}/a`);
    expect(answer).toMatchObject({
      body: { kind: "ConfigMap", metadata: { deletionTimestamp: "2030-01-01T00:00:00Z" } },
    });
    const more = { metadata: { finalizers: ["a.example/x", "a.example/y"] } };
    expect(await api.patch(`${maps}/a`, "merge", more)).toMatchObject({ status: 422 });
    await api.patch(`${maps}/a`, "merge", { metadata: { finalizers: null } });
    expect((await api.send(`GET ${maps}/a`)).status).toBe(404);
  });

  const policies: readonly (readonly [policy: string, finalizers: readonly string[] | undefined])[] = [
    ["Foreground", ["foregroundDeletion"]],
    ["Orphan", ["orphan"]],
    ["Background", undefined],
  ];
  for (const [propagationPolicy, finalizers] of policies) {
    test(`with ${propagationPolicy} leaves ${finalizers ?? "nothing"} to do`, async () => {
      using api = await TestApi.withShop();
      await api.send(`POST ${deployments}`, deployment("web"));
      const { body } = await api.send(`DELETE ${deployments}/web`, { propagationPolicy });
      expect(at(body, "metadata.finalizers")).toEqual(finalizers as unknown);
      expect((await api.send(`GET ${deployments}/web`)).status).toBe(finalizers === undefined ? 404 : 200);
    });
  }

  test("reads options from the query as well", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${deployments}`, deployment("web"));
    const { body } = await api.send(`DELETE ${deployments}/web?propagationPolicy=Orphan`);
    expect(at(body, "metadata.finalizers")).toEqual(["orphan"]);
  });

  const refused: readonly (readonly [what: string, options: object, code: number])[] = [
    ["another uid", { preconditions: { uid: "other" } }, 409],
    ["another revision", { preconditions: { resourceVersion: "1" } }, 409],
    ["an unknown policy", { propagationPolicy: "Sideways" }, 400],
    ["two policies", { propagationPolicy: "Orphan", orphanDependents: true }, 400],
    ["a grace that is no number", { gracePeriodSeconds: "soon" }, 400],
    ["an unknown dry run", { dryRun: ["Some"] }, 400],
  ];
  for (const [what, options, code] of refused) {
    test(`is refused for ${what}`, async () => {
      using api = await TestApi.withShop();
      await api.send(`POST ${maps}`, configMap("a"));
      expect((await api.send(`DELETE ${maps}/a`, options)).status).toBe(code);
      expect((await api.send(`GET ${maps}/a`)).status).toBe(200);
    });
  }

  test("that is dry, by body or query, leaves everything", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${maps}`, configMap("a"));
    const before = api.store.revision;
    expect((await api.send(`DELETE ${maps}/a`, { dryRun: ["All"] })).status).toBe(200);
    expect((await api.send(`DELETE ${maps}/a?dryRun=All`)).status).toBe(200);
    expect((await api.send(`DELETE ${maps}?dryRun=All`)).status).toBe(200);
    expect(api.store.revision).toBe(before);
  });

  test("of a collection takes what is selected", async () => {
    using api = await TestApi.withShop();
    for (const name of "abcd") {
      const labels = { half: name < "c" ? "first" : "second" };
      await api.send(`POST ${maps}`, { ...configMap(name), metadata: { name, labels } });
    }
    expect(names(await api.send(`DELETE ${maps}?labelSelector=half%3Dfirst`))).toBe("a b");
    expect(names(await api.send(`GET ${maps}`))).toBe("c d");
  });

  test("of a namespace holds it until it is finalized", async () => {
    using api = await TestApi.withShop();
    const path = "/api/v1/namespaces/shop";
    const { body } = await api.send(`DELETE ${path}`);
    expect(body).toMatchObject({ kind: "Namespace", status: { phase: "Terminating" } });
    await api.patch(path, "merge", { spec: { finalizers: [] } });
    expect((await api.send(`GET ${path}`)).status).toBe(200);
    await api.send(`PUT ${path}/finalize`, {
      apiVersion: "v1",
      kind: "Namespace",
      metadata: { name: "shop" },
      spec: {},
    });
    expect((await api.send(`GET ${path}`)).status).toBe(404);
  });
});
