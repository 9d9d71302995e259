// Resources of CRDs: served when defined, shaped by their schema, gone when their objects are.

import { describe, expect, test } from "bun:test";
import { ApiServer } from "#lab/apiserver/api-server.ts";
import { Registry } from "#lab/apiserver/registry.ts";
import { at, names, TestApi } from "#test/lab/api.ts";
import { builtinResources } from "./builtin/builtin.ts";

const crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const widgets = "/apis/example.com/v1/namespaces/shop/widgets";

function crd(names: object = {}): object {
  const spec = {
    type: "object",
    required: ["size"],
    properties: { size: { type: "integer", minimum: 1 }, color: { type: "string", default: "red" } },
  };
  const status = { type: "object", properties: { size: { type: "integer" } } };
  const schema = { openAPIV3Schema: { type: "object", properties: { spec, status } } };
  const subresources = { status: {}, scale: { specReplicasPath: ".spec.size", statusReplicasPath: ".status.size" } };
  const version = { served: true, schema, subresources };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "widgets.example.com" },
    spec: {
      group: "example.com",
      scope: "Namespaced",
      names: { plural: "widgets", kind: "Widget", shortNames: ["wd"], ...names },
      versions: [
        { ...version, name: "v1", storage: true },
        { ...version, name: "v1beta1", storage: false },
      ],
    },
  };
}

function widget(name: string, spec: object, metadata: object = {}): object {
  return { apiVersion: "example.com/v1", kind: "Widget", metadata: { name, ...metadata }, spec };
}

async function withWidgets(): Promise<TestApi> {
  const api = await TestApi.withShop();
  await api.send(`POST ${crds}`, crd());
  return api;
}

/** What the server does by itself after an answer is done in the next turns. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("a custom resource", () => {
  test("says its kind itself: the path implies only that of built-in ones", async () => {
    using api = await withWidgets();
    const { status, body } = await api.send(`POST ${widgets}`, { metadata: { name: "small" }, spec: { size: 1 } });
    expect([status, at(body, "message")]).toEqual([400, "Object 'Kind' is missing in the body of the request"]);
  });

  test("is served as soon as it is defined, and shown in discovery", async () => {
    using api = await TestApi.withShop();
    expect((await api.send(`GET ${widgets}`)).status).toBe(404);
    const made = await api.send(`POST ${crds}`, crd());
    expect(made.status).toBe(201);
    expect(at(made.body, "status.conditions")).toMatchObject([
      { type: "NamesAccepted", status: "True" },
      { type: "Established", status: "True" },
    ]);
    expect(await api.send(`GET ${widgets}`)).toMatchObject({ status: 200, body: { kind: "WidgetList", items: [] } });
    const resources = at((await api.send("GET /apis/example.com/v1")).body, "resources");
    expect(resources).toMatchObject([{ name: "widgets", shortNames: ["wd"] }, { name: "widgets/status" }, {}]);
    expect((await api.send("GET /openapi/v3/apis/example.com/v1")).status).toBe(200);
  });

  test("has its schema's defaults, and drops what the schema does not know", async () => {
    using api = await withWidgets();
    const { status, body } = await api.send(`POST ${widgets}`, widget("a", { size: 2, weight: 3 }));
    expect(status).toBe(201);
    expect(at(body, "spec")).toEqual({ size: 2, color: "red" });
    expect(at(body, "metadata.generation")).toBe(1);
  });

  const refused: readonly (readonly [what: string, spec: object, field: string])[] = [
    ["a value below the minimum", { size: 0 }, "spec.size"],
    ["a value of another type", { size: "two" }, "spec.size"],
    ["a missing field", {}, "spec.size"],
  ];
  for (const [what, spec, field] of refused) {
    test(`refuses ${what}`, async () => {
      using api = await withWidgets();
      const answer = await api.send(`POST ${widgets}`, widget("a", spec));
      expect(answer).toMatchObject({ status: 422, body: { reason: "Invalid", details: { causes: [{ field }] } } });
    });
  }

  test("is the same object in each version", async () => {
    using api = await withWidgets();
    await api.send(`POST ${widgets}`, widget("a", { size: 2 }));
    const older = widgets.replace("/v1/", "/v1beta1/");
    expect(await api.send(`GET ${older}/a`)).toMatchObject({ body: { apiVersion: "example.com/v1beta1" } });
    expect(at((await api.send(`GET ${older}`)).body, "items.0.apiVersion")).toBe("example.com/v1beta1");
    using watch = await api.watch(older);
    await api.patch(`${older}/a`, "merge", { spec: { size: 3 } });
    await watch.lines();
    expect(at(watch.events, "1.object")).toMatchObject({ apiVersion: "example.com/v1beta1", spec: { size: 3 } });
    expect(await api.send(`GET ${widgets}/a`)).toMatchObject({
      body: { apiVersion: "example.com/v1", spec: { size: 3 } },
    });
  });

  test("has status and scale where its definition says", async () => {
    using api = await withWidgets();
    await api.send(`POST ${widgets}`, widget("a", { size: 2 }));
    await api.patch(`${widgets}/a/status`, "merge", { status: { size: 2 }, spec: { size: 9 } });
    expect((await api.send(`GET ${widgets}/a/scale`)).body).toMatchObject({
      spec: { replicas: 2 },
      status: { replicas: 2 },
    });
    await api.patch(`${widgets}/a/scale`, "merge", { spec: { replicas: 5 } });
    expect(at((await api.send(`GET ${widgets}/a`)).body, "spec.size")).toBe(5);
  });

  test("is replaced only by who says which state was seen", async () => {
    using api = await withWidgets();
    const { body } = await api.send(`POST ${widgets}`, widget("a", { size: 2 }));
    expect(await api.send(`PUT ${widgets}/a`, widget("a", { size: 3 }))).toMatchObject({
      status: 422,
      body: { details: { causes: [{ field: "metadata.resourceVersion" }] } },
    });
    const resourceVersion = at(body, "metadata.resourceVersion");
    expect((await api.send(`PUT ${widgets}/a`, widget("a", { size: 3 }, { resourceVersion }))).status).toBe(200);
  });

  test("takes no strategic merge patch", async () => {
    using api = await withWidgets();
    await api.send(`POST ${widgets}`, widget("a", { size: 2 }));
    expect((await api.patch(`${widgets}/a`, "strategic", { spec: { size: 3 } })).status).toBe(415);
    expect((await api.patch(`${widgets}/a?fieldManager=me&force=true`, "apply", widget("a", { size: 3 }))).status).toBe(
      200,
    );
  });

  test("is served again by a server that finds its definition", async () => {
    using api = await withWidgets();
    await api.send(`POST ${widgets}`, widget("a", { size: 2 }));
    using again = new ApiServer({
      ...{ store: api.store, registry: new Registry(builtinResources), now: Date.now },
      random: (bytes) => bytes,
    });
    const response = await again.handle({
      ...{ method: "GET", path: `${widgets}/a`, query: new URLSearchParams(), headers: {}, body: undefined },
      ...{ user: { username: "tester", groups: [] }, signal: new AbortController().signal },
    });
    expect(response.status).toBe(200);
  });
});

describe("a definition", () => {
  test("with names that are taken is not served", async () => {
    using api = await withWidgets();
    const other = { ...crd({ plural: "gadgets", kind: "Gadget" }), metadata: { name: "gadgets.example.com" } };
    const { status, body } = await api.send(`POST ${crds}`, other);
    expect(status).toBe(201);
    expect(at(body, "status.conditions")).toMatchObject([
      { reason: "ShortNamesConflict", status: "False" },
      { status: "False" },
    ]);
    expect((await api.send("GET /apis/example.com/v1/gadgets")).status).toBe(404);
  });

  test("that is not valid is refused with its fields", async () => {
    using api = await TestApi.withShop();
    const answer = await api.send(`POST ${crds}`, { ...crd(), metadata: { name: "widgets" } });
    expect(answer).toMatchObject({ status: 422, body: { details: { causes: [{ field: "metadata.name" }] } } });
  });

  test("takes its objects along, and waits for those that are held", async () => {
    using api = await withWidgets();
    await api.send(`POST ${widgets}`, widget("free", { size: 1 }));
    await api.send(`POST ${widgets}`, widget("held", { size: 1 }, { finalizers: ["a.example/x"] }));
    await api.send(`DELETE ${crds}/widgets.example.com`);
    await settled();
    expect(names(await api.send(`GET ${widgets}`))).toBe("held");
    expect((await api.send(`POST ${widgets}`, widget("late", { size: 1 }))).status).toBe(405);
    await api.patch(`${widgets}/held`, "merge", { metadata: { finalizers: null } });
    await settled();
    expect((await api.send(`GET ${crds}/widgets.example.com`)).status).toBe(404);
    expect((await api.send(`GET ${widgets}`)).status).toBe(404);
    expect(api.faults).toEqual([]);
  });
});
