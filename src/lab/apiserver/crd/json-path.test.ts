// Paths as printer columns write them.
import { describe, expect, test } from "bun:test";
import { evaluateJsonPath, parseJsonPath, plainPath } from "./json-path.ts";

const object = {
  metadata: { name: "a", labels: { "app.kubernetes.io/name": "web" } },
  spec: { replicas: 3, ports: [{ port: 80 }, { port: 443 }], hosts: ["x", "y"] },
  status: {
    conditions: [
      { type: "Ready", status: "True" },
      { type: "Synced", status: "False", count: 2 },
    ],
  },
};

const rows: readonly (readonly [path: string, values: readonly unknown[]])[] = [
  [".spec.replicas", [3]],
  [".metadata.labels['app.kubernetes.io/name']", ["web"]],
  [".metadata.labels.app\\.kubernetes\\.io/name", ["web"]],
  [".spec.ports[1].port", [443]],
  [".spec.hosts[-1]", ["y"]],
  [".spec.ports[*].port", [80, 443]],
  ['.status.conditions[?(@.type=="Ready")].status', ["True"]],
  [".status.conditions[?(@.type=='Synced')].status", ["False"]],
  ['.status.conditions[?(@.type!="Ready")].type', ["Synced"]],
  [".status.conditions[?(@.count==2)].type", ["Synced"]],
  [".spec.nothing.at.all", []],
  [".spec.replicas.toString", []],
  ["{.metadata.name}", ["a"]],
];

describe("evaluateJsonPath()", () => {
  for (const [path, values] of rows) {
    test(`${path} gives ${JSON.stringify(values)}`, () => {
      expect(evaluateJsonPath(parseJsonPath(path) ?? [], object)).toEqual(values);
    });
  }
});

describe("parseJsonPath()", () => {
  for (const path of ["", "spec", ".spec[", ".spec..replicas", ".a[?(@.b)]", ".a[1:2]", ".."]) {
    test(`refuses ${JSON.stringify(path)}`, () => {
      expect(parseJsonPath(path)).toBeUndefined();
    });
  }
});

describe("plainPath()", () => {
  test("gives the names of a path of fields", () => {
    expect(plainPath(".spec.replicas")).toEqual(["spec", "replicas"]);
    expect(plainPath(".spec.ports[0]")).toBeUndefined();
    expect(plainPath("spec")).toBeUndefined();
  });
});
