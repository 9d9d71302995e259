// Creation: what the server sets, what it refuses, and that a dry run leaves nothing.

import { describe, expect, test } from "bun:test";
import { at, configMap, deployment, podNamed, shopPods, TestApi } from "#test/lab/api.ts";

const maps = "/api/v1/namespaces/shop/configmaps";

describe("creation", () => {
  test("sets what only the server may say", async () => {
    using api = await TestApi.withShop();
    const forged = {
      uid: "mine",
      creationTimestamp: "1999-01-01T00:00:00Z",
      deletionTimestamp: "1999-01-01T00:00:00Z",
      generation: 7,
      selfLink: "/x",
    };
    const { status, body } = await api.send(`POST ${maps}`, { ...configMap("a"), metadata: { name: "a", ...forged } });
    expect(status).toBe(201);
    const { managedFields: _managed, ...metadata } = at(body, "metadata") as { managedFields: unknown };
    expect(metadata).toEqual({
      name: "a",
      namespace: "shop",
      uid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/),
      creationTimestamp: "2030-01-01T00:00:00Z",
      resourceVersion: "3",
    } as never);
  });

  test("names objects by generateName, each differently", async () => {
    using api = await TestApi.withShop();
    const draft = { ...podNamed(""), metadata: { generateName: "web-" } };
    const made = await Promise.all([1, 2, 3].map(() => api.send(`POST ${shopPods}`, draft)));
    const given = made.map(({ body }) => at(body, "metadata.name"));
    expect(new Set(given).size).toBe(3);
    for (const name of given) expect(name).toMatch(/^web-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test("begins the generation of what has one, and brings no status", async () => {
    using api = await TestApi.withShop();
    const draft = { ...deployment("web"), status: { replicas: 9 } };
    const { body } = await api.send("POST /apis/apps/v1/namespaces/shop/deployments", draft);
    expect(at(body, "metadata.generation")).toBe(1);
    expect(at(body, "status.replicas")).toBeUndefined();
  });

  test("takes YAML", async () => {
    using api = await TestApi.withShop();
    const yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\ndata:\n  x: '1'\n";
    const answer = await api.send(`POST ${maps}`, yaml, { headers: { "content-type": "application/yaml" } });
    expect(answer).toMatchObject({ status: 201, body: { data: { x: "1" } } });
  });

  test("leaves nothing after a dry run", async () => {
    using api = await TestApi.withShop();
    const before = api.store.revision;
    const answer = await api.send(`POST ${maps}?dryRun=All`, configMap("a"));
    expect(answer).toMatchObject({ status: 201, body: { metadata: { name: "a" } } });
    expect(api.store.revision).toBe(before);
    await api.send(`POST ${maps}`, configMap("a"));
    expect((await api.send(`POST ${maps}?dryRun=All`, configMap("a"))).status).toBe(409);
  });

  const typo = { ...configMap("a"), dta: { x: "1" } };

  test("drops unknown fields with a warning, or refuses them", async () => {
    using api = await TestApi.withShop();
    const strict = await api.send(`POST ${maps}?fieldValidation=Strict`, typo);
    expect(strict).toMatchObject({ status: 400, body: { reason: "BadRequest" } });
    expect(at(strict.body, "message")).toContain('unknown field "dta"');
    const warned = await api.send(`POST ${maps}`, typo);
    expect(warned.headers["warning"]).toBe('299 - "unknown field \\"dta\\""');
    expect(warned.body).not.toHaveProperty("dta");
    const ignored = await api.send(`POST ${maps}?fieldValidation=Ignore`, { ...typo, metadata: { name: "b" } });
    expect(ignored.headers["warning"]).toBeUndefined();
  });

  test("takes the last of a field that is there twice with a warning, or refuses it", async () => {
    using api = await TestApi.withShop();
    const json = '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"k":"1","k":"2"}}';
    const strict = await api.send(`POST ${maps}?fieldValidation=Strict`, json);
    expect(strict).toMatchObject({ status: 400, body: { reason: "BadRequest" } });
    expect(at(strict.body, "message")).toContain('strict decoding error: duplicate field "data.k"');
    const warned = await api.send(`POST ${maps}`, json);
    expect(warned).toMatchObject({ status: 201, headers: { warning: '299 - "duplicate field \\"data.k\\""' } });
    expect(at(warned.body, "data")).toEqual({ k: "2" });
    const ignored = await api.send(`POST ${maps}?fieldValidation=Ignore`, json.replace('"a"', '"b"'));
    expect([ignored.status, ignored.headers["warning"]]).toEqual([201, undefined]);
    const yaml = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  k: one\n  k: two\n";
    const headers = { "content-type": "application/yaml" };
    const refused = await api.send(`POST ${maps}?fieldValidation=Strict`, yaml, { headers });
    expect(at(refused.body, "message")).toContain('strict decoding error: line 6: key "k" already set in map');
    expect((await api.send(`POST ${maps}`, yaml, { headers })).body).toMatchObject({ data: { k: "two" } });
  });

  type Row = readonly [what: string, line: string, body: object | string | undefined, code: number, message: string];
  const mismatch = "does not match the expected";
  const rows: readonly Row[] = [
    ["a name that is taken", `POST ${maps}`, configMap("taken"), 409, 'configmaps "taken" already exists'],
    ["another kind", `POST ${maps}`, podNamed("a"), 400, mismatch],
    ["another version", `POST ${maps}`, { ...configMap("a"), apiVersion: "v2" }, 400, mismatch],
    ["no body", `POST ${maps}`, undefined, 400, "must be an object"],
    ["a body that is no JSON", `POST ${maps}`, "{", 400, "is no JSON"],
    ["a list as body", `POST ${maps}`, [configMap("a")], 400, "must be an object"],
    ["no name", `POST ${maps}`, configMap(""), 422, "name or generateName is required"],
    ["a name with capitals", `POST ${maps}`, configMap("Web"), 422, "lowercase RFC 1123 subdomain"],
    ["a name that is too long", `POST ${maps}`, configMap("a".repeat(254)), 422, "no more than 253"],
    [
      "another namespace in the body",
      `POST ${maps}`,
      { ...configMap("a"), metadata: { name: "a", namespace: "other" } },
      400,
      "does not match the namespace",
    ],
    ["no namespace", "POST /api/v1/configmaps", configMap("a"), 400, "an empty namespace"],
    [
      "a namespace that is not there",
      "POST /api/v1/namespaces/nowhere/configmaps",
      configMap("a"),
      404,
      'namespaces "nowhere" not found',
    ],
    [
      "a namespace for what has none",
      "POST /api/v1/nodes",
      { apiVersion: "v1", kind: "Node", metadata: { name: "n", namespace: "shop" } },
      400,
      "belongs to no namespace",
    ],
    [
      "a resource version",
      `POST ${maps}`,
      { ...configMap("a"), metadata: { name: "a", resourceVersion: "3" } },
      400,
      "resourceVersion should not be set",
    ],
    [
      "a label that is no string",
      `POST ${maps}`,
      { ...configMap("a"), metadata: { name: "a", labels: { x: 1 } } },
      400,
      "metadata.labels.x",
    ],
    [
      "a label that is no label",
      `POST ${maps}`,
      { ...configMap("a"), metadata: { name: "a", labels: { x: "a b" } } },
      422,
      "a valid label must be",
    ],
    [
      "an owner without uid",
      `POST ${maps}`,
      { ...configMap("a"), metadata: { name: "a", ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "p" }] } },
      422,
      "metadata.ownerReferences[0].uid",
    ],
    [
      "a finalizer without domain",
      `POST ${maps}`,
      { ...configMap("a"), metadata: { name: "a", finalizers: ["mine"] } },
      422,
      "nor is it fully qualified",
    ],
    ["a value of a wrong type", `POST ${maps}`, { ...configMap("a"), data: "x" }, 400, "must be of type object"],
    [
      "what its schema requires",
      "POST /apis/apps/v1/namespaces/shop/deployments",
      { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "a" }, spec: { template: {} } },
      422,
      "spec.selector",
    ],
    ["a dry run of another kind", `POST ${maps}?dryRun=Some`, configMap("a"), 400, "dryRun: Unsupported value"],
  ];
  for (const [what, line, body, code, message] of rows) {
    test(`refuses ${what}`, async () => {
      using api = await TestApi.withShop();
      await api.send(`POST ${maps}`, configMap("taken"));
      const before = api.store.revision;
      const answer = await api.send(line, body);
      expect(answer).toMatchObject({ status: code, body: { kind: "Status", status: "Failure", code } });
      expect(at(answer.body, "message")).toContain(message);
      expect(api.store.revision).toBe(before);
      expect(api.faults).toEqual([]);
    });
  }

  test("takes the kind from the path when the body does not tell it", async () => {
    using api = await TestApi.withShop();
    const { status, body } = await api.send(`POST ${maps}`, { metadata: { name: "a" }, data: { a: "b" } });
    expect(status).toBe(201);
    expect(body).toMatchObject({ apiVersion: "v1", kind: "ConfigMap", data: { a: "b" } });
    const line = "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
    expect((await api.send(line, { spec: { nonResourceAttributes: { path: "/", verb: "get" } } })).status).toBe(201);
  });

  test("says of each field what is wrong with it", async () => {
    using api = await TestApi.withShop();
    const bad = { ...configMap("A"), metadata: { name: "A", labels: { "-": "x" } } };
    expect(at((await api.send(`POST ${maps}`, bad)).body, "details")).toMatchObject({
      name: "A",
      kind: "ConfigMap",
      causes: [
        { reason: "FieldValueInvalid", field: "metadata.name" },
        { reason: "FieldValueInvalid", field: "metadata.labels" },
      ],
    });
  });

  test("is refused in a namespace that is on its way out", async () => {
    using api = await TestApi.withShop();
    await api.send("DELETE /api/v1/namespaces/shop");
    const answer = await api.send(`POST ${maps}`, configMap("a"));
    expect(answer).toMatchObject({
      status: 403,
      body: { reason: "Forbidden", details: { causes: [{ reason: "NamespaceTerminating" }] } },
    });
  });
});
