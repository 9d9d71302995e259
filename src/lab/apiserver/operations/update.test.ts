// Updates and patches: one writer at a time, halves kept apart, nothing written when nothing changes.

import { describe, expect, test } from "bun:test";
import { type Answer, at, configMap, deployment, podNamed, shopPods, TestApi } from "#test/lab/api.ts";

const maps = "/api/v1/namespaces/shop/configmaps";
const deployments = "/apis/apps/v1/namespaces/shop/deployments";

async function withMap(): Promise<TestApi> {
  const api = await TestApi.withShop();
  await api.send(`POST ${maps}`, configMap("a", { x: "1" }));
  return api;
}

async function withDeployment(): Promise<TestApi> {
  const api = await TestApi.withShop();
  await api.send(`POST ${deployments}`, deployment("web"));
  return api;
}

function revision({ body }: Answer): unknown {
  return at(body, "metadata.resourceVersion");
}

describe("an update", () => {
  test("replaces what the client may change, and keeps what it may not", async () => {
    using api = await withMap();
    const before = await api.send(`GET ${maps}/a`);
    const forged = { uid: undefined, creationTimestamp: "1999-01-01T00:00:00Z", labels: { a: "b" } };
    const after = await api.send(`PUT ${maps}/a`, {
      ...configMap("a", { y: "2" }),
      metadata: { name: "a", ...forged },
    });
    expect(after).toMatchObject({ status: 200, body: { data: { y: "2" }, metadata: { labels: { a: "b" } } } });
    expect(at(after.body, "data.x")).toBeUndefined();
    for (const field of ["uid", "creationTimestamp", "namespace"]) {
      expect(at(after.body, `metadata.${field}`)).toBe(at(before.body, `metadata.${field}`));
    }
  });

  test("is refused when somebody was faster", async () => {
    using api = await withMap();
    const seen = await api.send(`GET ${maps}/a`);
    const mine = { ...(seen.body as object), data: { mine: "1" } };
    await api.send(`PUT ${maps}/a`, configMap("a", { other: "1" }));
    const answer = await api.send(`PUT ${maps}/a`, mine);
    expect(answer).toMatchObject({ status: 409, body: { reason: "Conflict", details: { name: "a" } } });
    expect(at(answer.body, "message")).toContain("please apply your changes to the latest version and try again");
  });

  test("lets one of many writers win", async () => {
    using api = await withMap();
    const seen = await api.send(`GET ${maps}/a`);
    const writers = Array.from({ length: 20 }, (_, i) => ({ ...(seen.body as object), data: { writer: String(i) } }));
    const codes = await Promise.all(writers.map(async (body) => (await api.send(`PUT ${maps}/a`, body)).status));
    expect(codes.filter((code) => code === 200)).toHaveLength(1);
    expect(codes.filter((code) => code === 409)).toHaveLength(19);
  });

  test("is refused for another object of that name", async () => {
    using api = await withMap();
    const answer = await api.send(`PUT ${maps}/a`, { ...configMap("a"), metadata: { name: "a", uid: "other" } });
    expect(answer.status).toBe(409);
    expect(at(answer.body, "message")).toContain("Precondition failed: UID in precondition: other");
  });

  test("that changes nothing keeps the revision, and tells no watcher", async () => {
    using api = await withMap();
    const seen = await api.send(`GET ${maps}/a`);
    using watch = await api.watch(`${maps}?resourceVersion=${revision(seen)}`);
    api.nowMs += 60_000;
    expect(revision(await api.send(`PUT ${maps}/a`, seen.body as object))).toBe(revision(seen));
    expect(revision(await api.patch(`${maps}/a`, "merge", { data: { x: "1" } }))).toBe(revision(seen));
    expect(revision(await api.patch(`${maps}/a`, "strategic", {}))).toBe(revision(seen));
    expect(await watch.lines()).toEqual([]);
  });

  test("counts the generation when the wish changes, and only then", async () => {
    using api = await withDeployment();
    const generation = async (patch: object, path = "") =>
      at((await api.patch(`${deployments}/web${path}`, "merge", patch)).body, "metadata.generation");
    expect(await generation({ metadata: { labels: { x: "1" } } })).toBe(1);
    expect(await generation({ spec: { replicas: 5 } })).toBe(2);
    expect(await generation({ status: { replicas: 5 } }, "/status")).toBe(2);
    await api.patch(`${deployments}/web/scale`, "merge", { spec: { replicas: 7 } });
    expect(at((await api.send(`GET ${deployments}/web`)).body, "metadata.generation")).toBe(3);
  });

  test("keeps the status through the object, and the object through the status", async () => {
    using api = await withDeployment();
    const both = { spec: { replicas: 5 }, status: { replicas: 5 } };
    const object = (await api.patch(`${deployments}/web`, "merge", both)).body;
    expect([at(object, "spec.replicas"), at(object, "status.replicas")]).toEqual([5, undefined]);
    const status = { spec: { replicas: 9 }, status: { replicas: 9 } };
    const changed = (await api.patch(`${deployments}/web/status`, "merge", status)).body;
    expect([at(changed, "spec.replicas"), at(changed, "status.replicas")]).toEqual([5, 9]);
  });

  test("has a scale for what keeps pods", async () => {
    using api = await withDeployment();
    const { body } = await api.send(`GET ${deployments}/web/scale`);
    expect(body).toMatchObject({
      kind: "Scale",
      apiVersion: "autoscaling/v1",
      metadata: { name: "web", namespace: "shop" },
      spec: { replicas: 1 },
      status: { replicas: 0, selector: "app=web" },
    });
    const put = await api.send(`PUT ${deployments}/web/scale`, { ...(body as object), spec: { replicas: 4 } });
    expect(put).toMatchObject({ status: 200, body: { spec: { replicas: 4 } } });
    const negative = await api.patch(`${deployments}/web/scale`, "merge", { spec: { replicas: -1 } });
    expect(negative).toMatchObject({ status: 422, body: { message: expect.stringContaining("spec.replicas") } });
    const stale = await api.send(`PUT ${deployments}/web/scale`, body as object);
    expect(stale.status).toBe(409);
  });

  type Row = readonly [what: string, line: string, type: string, body: object | string, code: number, message: string];
  const json = "application/json";
  const merge = "application/merge-patch+json";
  const rows: readonly Row[] = [
    ["of what is not there", `PUT ${maps}/b`, json, configMap("b"), 404, 'configmaps "b" not found'],
    ["under another name", `PUT ${maps}/a`, json, configMap("b"), 400, "does not match the name on the URL"],
    ["of the collection", `PUT ${maps}`, json, configMap("a"), 405, "does not allow this method"],
    ["by a patch of nothing", `PATCH ${maps}/b`, merge, {}, 404, "not found"],
    ["by a patch that is no JSON", `PATCH ${maps}/a`, merge, "{", 400, "error decoding patch"],
    ["by a merge patch that is a list", `PATCH ${maps}/a`, merge, [], 400, "must be an object"],
    ["by a patch of an unknown type", `PATCH ${maps}/a`, "text/plain", {}, 415, "application/json-patch+json"],
    ["by a patch of the kind", `PATCH ${maps}/a`, merge, { kind: "Secret" }, 400, "does not match the expected kind"],
    ["by a patch of the name", `PATCH ${maps}/a`, merge, { metadata: { name: "b" } }, 400, "does not match the name"],
    ["with force", `PATCH ${maps}/a?force=true`, merge, {}, 422, "may not be specified for non-apply patch"],
  ];
  for (const [what, line, type, body, code, message] of rows) {
    test(`is refused ${what}`, async () => {
      using api = await withMap();
      const before = api.store.revision;
      const answer = await api.send(line, body, { headers: { "content-type": type } });
      expect(answer.status).toBe(code);
      expect(at(answer.body, "message")).toContain(message);
      expect(api.store.revision).toBe(before);
    });
  }
});

describe("a patch", () => {
  test("merges, replaces by path, and merges lists by their keys", async () => {
    using api = await withDeployment();
    const path = `${deployments}/web`;
    await api.patch(path, "merge", { metadata: { labels: { tier: "front", app: null } } });
    await api.patch(path, "json", [{ op: "replace", path: "/spec/replicas", value: 3 }]);
    const containers = [{ name: "side", image: "shop/side" }];
    const { body } = await api.patch(path, "strategic", { spec: { template: { spec: { containers } } } });
    expect(at(body, "metadata.labels")).toEqual({ tier: "front" });
    expect(at(body, "spec.replicas")).toBe(3);
    expect(at(body, "spec.template.spec.containers.length")).toBe(2);
  });

  test("by the name of a revision holds at that revision only", async () => {
    using api = await withMap();
    const stale = { metadata: { resourceVersion: "2" }, data: { x: "2" } };
    expect((await api.patch(`${maps}/a`, "merge", stale)).status).toBe(409);
    const current = { metadata: { resourceVersion: "3" }, data: { x: "2" } };
    expect((await api.patch(`${maps}/a`, "merge", current)).status).toBe(200);
  });
});

describe("server-side apply", () => {
  const wish = configMap("a", { x: "1" });

  test("makes what is not there, and changes nothing the second time", async () => {
    using api = await TestApi.withShop();
    const made = await api.patch(`${maps}/a?fieldManager=one`, "apply", wish);
    expect(made).toMatchObject({ status: 201, body: { data: { x: "1" } } });
    api.nowMs += 60_000;
    const again = await api.patch(`${maps}/a?fieldManager=one`, "apply", wish);
    expect(again.status).toBe(200);
    expect(revision(again)).toBe(revision(made));
  });

  test("finds conflicts, and takes over when told to", async () => {
    using api = await TestApi.withShop();
    await api.patch(`${maps}/a?fieldManager=one`, "apply", wish);
    const other = configMap("a", { x: "2" });
    expect(await api.patch(`${maps}/a?fieldManager=two`, "apply", other)).toMatchObject({
      status: 409,
      body: { reason: "Conflict", details: { causes: [{ reason: "FieldManagerConflict", field: ".data.x" }] } },
    });
    const forced = await api.patch(`${maps}/a?fieldManager=two&force=true`, "apply", other);
    expect(forced).toMatchObject({ status: 200, body: { data: { x: "2" } } });
  });

  test("removes what its manager no longer says", async () => {
    using api = await TestApi.withShop();
    await api.patch(`${maps}/a?fieldManager=one`, "apply", configMap("a", { x: "1", y: "2" }));
    await api.patch(`${maps}/a`, "merge", { data: { z: "3" } });
    const { body } = await api.patch(`${maps}/a?fieldManager=one`, "apply", wish);
    expect(at(body, "data")).toEqual({ x: "1", z: "3" });
  });

  test("needs to know who applies", async () => {
    using api = await TestApi.withShop();
    expect(await api.patch(`${maps}/a`, "apply", wish)).toMatchObject({ status: 422 });
  });

  test("of a status leaves the rest alone", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    const applied = { apiVersion: "v1", kind: "Pod", metadata: { name: "a" }, status: { podIP: "10.0.0.1" } };
    const { status, body } = await api.patch(`${shopPods}/a/status?fieldManager=kubelet`, "apply", applied);
    expect(status).toBe(200);
    expect(at(body, "status.podIP")).toBe("10.0.0.1");
    expect(at(body, "spec.containers.0.name")).toBe("main");
  });
});
