// Manifests in files and folders, and what is wrong with some.

import { describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { inOrder } from "./order.ts";
import { parseManifests, readManifests } from "./read.ts";

function names(text: string): string {
  return parseManifests(text, "x.yaml")
    .map(({ object: { kind, metadata } }) => `${kind} ${metadata.name}`)
    .join(", ");
}

const a = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
const b = "apiVersion: v1\nkind: Secret\nmetadata: {name: b}\n";

describe("parseManifests()", () => {
  const rows: readonly (readonly [what: string, text: string, found: string])[] = [
    ["one object", a, "ConfigMap a"],
    ["several documents", `${a}---\n${b}`, "ConfigMap a, Secret b"],
    ["documents without anything in them", `---\n# nothing\n---\n${a}---\n`, "ConfigMap a"],
    ["an empty text", "", ""],
    ["JSON", '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}', "Pod p"],
    [
      "a list",
      '{"apiVersion":"v1","kind":"List","items":[{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}},{"apiVersion":"v1","kind":"Pod","metadata":{"name":"q"}}]}',
      "Pod p, Pod q",
    ],
  ];
  for (const [what, text, found] of rows) test(`reads ${what}`, () => expect(names(text)).toBe(found));

  const faults: readonly (readonly [what: string, text: string, sentence: string])[] = [
    ["no YAML", "a: [", "Cannot load x.yaml: it is no YAML, "],
    [
      "a key twice",
      "a: 1\nb: 2\na: 3",
      'Cannot load x.yaml: key "a" is in line 3 for the second time: remove one of the two',
    ],
    ["a text", "hello", "Cannot load x.yaml: it has string, not an object of Kubernetes"],
    ["no kind", "apiVersion: v1\n", 'Cannot load x.yaml: its kind is missing, as in "apiVersion: v1" and "kind: Pod"'],
    ["no version", `${a}---\nkind: Pod\n`, "Cannot load x.yaml, document 2: its apiVersion is missing"],
  ];
  for (const [what, text, sentence] of faults) {
    test(`refuses ${what}`, () => expect(() => parseManifests(text, "x.yaml")).toThrow(sentence));
  }
});

describe("readManifests()", () => {
  test("reads folders in the order of their files' names, and says what is missing", () => {
    const folder = mkdtempSync(join(tmpdir(), "twill-manifests-"));
    try {
      for (const [path, text] of [
        ["b.yaml", b],
        ["a/x.yml", a],
        ["notes.txt", "hello"],
        ["c.json", "{}"],
      ] as const) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      expect(() => readManifests([folder])).toThrow("c.json: its apiVersion is missing");
      rmSync(join(folder, "c.json"));
      expect(readManifests([folder]).map(({ from }) => from)).toEqual([
        join(folder, "a/x.yml"),
        join(folder, "b.yaml"),
      ]);
      mkdirSync(join(folder, "empty"));
      expect(() => readManifests([join(folder, "empty")])).toThrow("it has no file that ends in .yaml, .yml, .json");
      expect(() => readManifests([join(folder, "nothing")])).toThrow("there is no such file or folder");
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

test("inOrder() puts first what others need", () => {
  const kinds = ["Deployment", "Service", "Widget", "Namespace", "Pod", "CustomResourceDefinition"];
  const manifests = parseManifests(kinds.map((kind) => `apiVersion: v1\nkind: ${kind}\n`).join("---\n"), "x.yaml");
  expect(inOrder(manifests).map(({ object }) => object.kind)).toEqual([
    ...["Namespace", "CustomResourceDefinition", "Service", "Deployment", "Widget", "Pod"],
  ]);
});
