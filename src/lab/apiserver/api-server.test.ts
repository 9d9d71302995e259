// Paths, methods and forms: what is served where, and how it refuses the rest.

import { describe, expect, test } from "bun:test";
import { parseYaml } from "#base/yaml.ts";
import { at, configMap, names, podNamed, shopPods, TestApi } from "#test/lab/api.ts";

const tableForm = "application/json;as=Table;v=v1;g=meta.k8s.io";

describe("the API server", () => {
  type Row = readonly [line: string, code: number, headers?: Readonly<Record<string, string>>];
  const rows: readonly Row[] = [
    ["GET /", 200],
    ["GET /version", 200],
    ["GET /healthz", 200],
    ["GET /readyz", 200],
    ["GET /api", 200],
    ["GET /api/v1", 200],
    ["GET /api/v1/", 200],
    ["GET /api/v2", 404],
    ["GET /apis/apps", 200],
    ["GET /apis/apps/v1", 200],
    ["GET /apis/none", 404],
    ["GET /openapi/v2", 200],
    ["GET /openapi/v3", 200],
    ["GET /openapi/v3/api/v1", 200],
    ["GET /openapi/v3/apis/none/v1", 404],
    ["GET /nothing/here", 404],
    ["POST /version", 404],
    ["GET /api/v1/namespaces/shop", 200],
    ["GET /api/v1/namespaces/shop/", 200],
    ["GET /api/v1/namespaces/shop/status", 200],
    ["GET /api/v1/namespaces/shop/widgets", 404],
    ["GET /api/v1/pods/a", 404],
    ["GET /api/v1/namespaces/shop/nodes", 404],
    ["GET /api/v1/namespaces/shop/pods/a/color", 404],
    ["GET /api/v1/namespaces/shop/pods/%E0%A4%A", 400],
    ["TRACE /api/v1/pods", 405],
    ["POST /api/v1/namespaces/shop/pods/a", 405],
    ["PUT /api/v1/namespaces/shop/pods", 405],
    ["DELETE /api/v1/namespaces", 405],
    ["GET /apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405],
    ["GET /api/v1/namespaces/shop/pods/a/binding", 405],
    ["GET /api/v1/pods", 406, { accept: "application/vnd.kubernetes.protobuf" }],
    ["GET /api/v1/pods", 200, { accept: "application/vnd.kubernetes.protobuf,application/json" }],
    ["GET /api/v1/pods", 200, { accept: "text/html,*/*;q=0.8" }],
    ["POST /api/v1/namespaces/shop/configmaps", 415, { "content-type": "text/xml" }],
  ];
  for (const [line, code, headers = {}] of rows) {
    const forms = Object.values(headers).join();
    test(`answers ${line}${forms === "" ? "" : ` (${forms})`} with ${code}`, async () => {
      using api = await TestApi.withShop();
      const answer = await api.send(line, line.startsWith("POST") ? configMap("a") : undefined, { headers });
      expect(answer.status).toBe(code);
      if (code >= 400) expect(answer.body).toMatchObject({ kind: "Status", apiVersion: "v1", status: "Failure", code });
      expect(api.faults).toEqual([]);
    });
  }

  test("refuses a body that is too large", async () => {
    using api = await TestApi.withShop();
    const answer = await api.send("POST /api/v1/namespaces/shop/configmaps", new Uint8Array(3 * 2 ** 20 + 1));
    expect(answer).toMatchObject({ status: 413, body: { reason: "RequestEntityTooLarge" } });
  });

  test("gives tables with as much of the objects as asked for", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    const headers = { accept: `${tableForm},application/json` };
    const rowsFor = async (query: string) => (await api.send(`GET ${shopPods}${query}`, undefined, { headers })).body;
    expect(await rowsFor("")).toMatchObject({
      kind: "Table",
      apiVersion: "meta.k8s.io/v1",
      metadata: { resourceVersion: "3" },
      rows: [{ object: { kind: "PartialObjectMetadata", metadata: { name: "a" } } }],
    });
    expect(at(await rowsFor(""), "columnDefinitions.0")).toMatchObject({ name: "Name", format: "name" });
    expect(at(await rowsFor(""), "rows.0.cells.0")).toBe("a");
    expect(at(await rowsFor("?includeObject=Object"), "rows.0.object.spec.containers.0.name")).toBe("main");
    expect(at(await rowsFor("?includeObject=None"), "rows.0.object")).toBeUndefined();
    expect(await rowsFor("?includeObject=Some")).toMatchObject({ code: 400 });
    expect(await rowsFor("/a")).toMatchObject({ kind: "Table", rows: [{}] });
  });

  test("gives metadata alone, and YAML", async () => {
    using api = await TestApi.withShop();
    await api.send(`POST ${shopPods}`, podNamed("a"));
    const as = (accept: string, path: string) => api.send(`GET ${path}`, undefined, { headers: { accept } });
    const partial = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    const one = (await as(partial, `${shopPods}/a`)).body;
    expect(one).toMatchObject({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1" });
    expect(one).not.toHaveProperty("spec");
    const all = await as("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io", shopPods);
    expect([at(all.body, "kind"), names(all)]).toEqual(["PartialObjectMetadataList", "a"]);
    const yaml = await as("application/yaml", `${shopPods}/a`);
    expect(yaml.headers["content-type"]).toBe("application/yaml");
    expect(parseYaml(String(yaml.body))).toMatchObject({ kind: "Pod", metadata: { name: "a" } });
  });

  test("shows an event of one group as one of the other", async () => {
    using api = await TestApi.withShop();
    const involvedObject = { kind: "Pod", name: "a", namespace: "shop" };
    const event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "e" },
      involvedObject,
      reason: "Started",
      message: "up",
    };
    await api.send("POST /api/v1/namespaces/shop/events", event);
    const path = "/apis/events.k8s.io/v1/namespaces/shop/events";
    const { body } = await api.send(`GET ${path}/e`);
    expect(body).toMatchObject({ apiVersion: "events.k8s.io/v1", regarding: involvedObject, note: "up" });
    expect(names(await api.send(`GET ${path}?fieldSelector=regarding.name%3Da`))).toBe("e");
    expect(names(await api.send("GET /api/v1/events?fieldSelector=involvedObject.name%3Db"))).toBe("");
    expect(at((await api.send(`GET ${path}`)).body, "items.0.note")).toBe("up");
  });

  test("tells its groups and resources in both forms of discovery", async () => {
    using api = new TestApi();
    const groups = at((await api.send("GET /apis")).body, "groups") as readonly { readonly name: string }[];
    expect(groups.map(({ name }) => name)).toContain("networking.k8s.io");
    const core = at((await api.send("GET /api/v1")).body, "resources") as readonly { readonly name: string }[];
    expect(core.find(({ name }) => name === "pods/eviction")).toMatchObject({ group: "policy", version: "v1" });
    expect(core.find(({ name }) => name === "pods")).toMatchObject({
      namespaced: true,
      shortNames: ["po"],
      singularName: "pod",
    });
    const accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json";
    const both = await Promise.all(
      ["/api", "/apis"].map((path) => api.send(`GET ${path}`, undefined, { headers: { accept } })),
    );
    for (const { headers, body } of both) {
      expect(headers["content-type"]).toBe("application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
      expect(body).toMatchObject({ kind: "APIGroupDiscoveryList", apiVersion: "apidiscovery.k8s.io/v2" });
    }
    const aggregated = both.flatMap(
      ({ body }) => at(body, "items") as readonly { readonly metadata: { readonly name: string } }[],
    );
    expect(new Set(aggregated.map(({ metadata }) => metadata.name))).toEqual(
      new Set(["", ...groups.map(({ name }) => name)]),
    );
  });
});
