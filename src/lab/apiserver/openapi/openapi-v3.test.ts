// Documents as kubectl reads them.
import { describe, expect, test } from "bun:test";
import { builtinResources } from "#lab/apiserver/builtin/builtin.ts";
import { crdDefinition } from "#lab/apiserver/crd/definition.ts";
import { isFields } from "#lab/apiserver/schema/json.ts";
import { openApiV3Document, openApiV3Index } from "./openapi-v3.ts";

const widgets = crdDefinition({
  apiVersion: "apiextensions.k8s.io/v1",
  kind: "CustomResourceDefinition",
  metadata: { name: "widgets.example.com" },
  spec: {
    group: "example.com",
    scope: "Cluster",
    names: { plural: "widgets", kind: "Widget" },
    versions: [
      {
        name: "v1",
        served: true,
        storage: true,
        schema: {
          openAPIV3Schema: { type: "object", description: "A widget.", properties: { spec: { type: "object" } } },
        },
      },
    ],
  },
});
const definitions = [...builtinResources, widgets];

/** A part of a document, by its path. */
function part(document: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isFields(value) ? value[name] : undefined), document);
}

describe("openApiV3Index()", () => {
  test("names a document for each version of a group", () => {
    const index = openApiV3Index(definitions);
    expect(part(index, "paths", "api/v1")).toEqual({ serverRelativeURL: "/openapi/v3/api/v1" });
    expect(part(index, "paths", "apis/example.com/v1")).toEqual({
      serverRelativeURL: "/openapi/v3/apis/example.com/v1",
    });
  });
});

describe("openApiV3Document()", () => {
  test("holds every schema that it refers to", () => {
    for (const path of Object.keys(part(openApiV3Index(definitions), "paths") ?? {})) {
      const [version = "", group = ""] = path.split("/").slice(1).reverse();
      const document = openApiV3Document(definitions, group, version);
      const schemas = part(document, "components", "schemas") as object;
      const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g);
      for (const [, name = ""] of references) expect(Object.keys(schemas)).toContain(name);
    }
  });

  test("describes kinds, types and fields", () => {
    const schemas = part(openApiV3Document(definitions, "", "v1"), "components", "schemas");
    expect(part(schemas, "io.k8s.api.core.v1.Pod")).toMatchObject({
      type: "object",
      description: expect.stringContaining("Pod is a collection of containers"),
      properties: {
        spec: { description: expect.any(String), allOf: [{ $ref: "#/components/schemas/io.k8s.api.core.v1.PodSpec" }] },
      },
      "x-kubernetes-group-version-kind": [{ group: "", version: "v1", kind: "Pod" }],
    });
    expect(part(schemas, "io.k8s.api.core.v1.ServicePort", "properties", "targetPort")).toMatchObject({
      allOf: [{ $ref: "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString" }],
    });
    expect(part(schemas, "io.k8s.api.core.v1.PodSpec", "properties", "containers")).toMatchObject({
      "x-kubernetes-patch-merge-key": "name",
      "x-kubernetes-list-map-keys": ["name"],
    });
  });

  test("says which parameters a patch takes", () => {
    const path = "/apis/apps/v1/namespaces/{namespace}/deployments/{name}";
    const patch = part(openApiV3Document(definitions, "apps", "v1"), "paths", path, "patch");
    expect(patch).toMatchObject({
      "x-kubernetes-group-version-kind": { group: "apps", version: "v1", kind: "Deployment" },
    });
    const names = (part(patch, "parameters") as readonly { readonly name: string }[]).map(({ name }) => name);
    expect(names).toEqual(["dryRun", "fieldManager", "fieldValidation", "force"]);
  });

  test("has the kinds of CRDs", () => {
    const document = openApiV3Document(definitions, "example.com", "v1");
    expect(part(document, "components", "schemas", "com.example.v1.Widget")).toMatchObject({
      description: "A widget.",
    });
    expect(part(document, "components", "schemas", "com.example.v1.WidgetList", "properties", "items")).toMatchObject({
      items: { $ref: "#/components/schemas/com.example.v1.Widget" },
    });
    expect(part(document, "paths", "/apis/example.com/v1/widgets/{name}", "patch")).toMatchObject({
      "x-kubernetes-group-version-kind": { group: "example.com", version: "v1", kind: "Widget" },
    });
  });

  test("is not there for what is not served", () => {
    expect(openApiV3Document(definitions, "apps", "v7")).toBeUndefined();
  });
});
