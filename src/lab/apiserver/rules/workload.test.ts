// What is wrong with workloads, and what only looks as if it were.
import { describe, expect, test } from "bun:test";
import { workloadRules } from "./workload.ts";

const labels = { app: "db" };
const claim = { metadata: { name: "data" }, spec: { accessModes: ["ReadWriteOnce"] } };

function faults(container: object, spec: object = {}): readonly string[] {
  const template = { metadata: { labels }, spec: { containers: [{ name: "db", image: "postgres", ...container }] } };
  const set = {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db", namespace: "default" },
    spec: { selector: { matchLabels: labels }, template, ...spec },
  };
  return (workloadRules.validate?.(set, undefined) ?? []).map(({ field, message }) => `${field}: ${message}`);
}

describe("a StatefulSet", () => {
  const volumeMounts = [{ name: "data", mountPath: "/data" }];

  test("mounts the volumes that its claim templates make", () => {
    expect(faults({ volumeMounts }, { volumeClaimTemplates: [claim] })).toEqual([]);
  });

  test("mounts no other volume that its template lacks", () => {
    expect(faults({ volumeMounts })).toEqual([
      'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"',
    ]);
  });

  test("is told about a template that its selector does not find", () => {
    expect(faults({}, { selector: { matchLabels: { app: "web" } } })).toEqual([
      expect.stringContaining("`selector` does not match template `labels`"),
    ]);
  });
});
