// In which order a StatefulSet makes, updates and removes its pods.

import { describe, expect, test } from "bun:test";
import type { StatefulSetSpec } from "kubernetes-types/apps/v1";
import type { Pod, StatefulSet } from "#kube/kinds.ts";
import { nowMs, podNamed } from "#test/lab/objects.ts";
import { formatOperation } from "./operation.ts";
import { revisionLabel, revisionNameOf } from "./revision.ts";
import { planStatefulSet } from "./stateful-set.ts";

function setOf(replicas: number, spec: Partial<StatefulSetSpec> = {}): StatefulSet {
  const template = { metadata: { labels: { app: "db" } }, spec: { containers: [] } };
  return {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { namespace: "shop", name: "db", uid: "uid-db", generation: 1 },
    spec: { replicas, serviceName: "db", selector: {}, template, ...spec },
  };
}

/** `0` is ready and of the present template, `1!` not ready, `2~` of an old one, `3-` going. */
function podsOf(set: StatefulSet, text: string): readonly Pod[] {
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map((word) => {
      const labels = { [revisionLabel]: word.includes("~") ? "old" : revisionNameOf(set) };
      return podNamed(`db-${Number.parseInt(word, 10)}`, {
        ready: !word.includes("!"),
        terminating: word.includes("-"),
        labels,
      });
    });
}

describe("planStatefulSet()", () => {
  const parallel = { podManagementPolicy: "Parallel" };
  const rows: readonly (readonly [
    what: string,
    replicas: number,
    pods: string,
    spec: Partial<StatefulSetSpec>,
    lines: readonly string[],
  ])[] = [
    ["begins with the first", 3, "", {}, ["create db-0"]],
    ["waits for each to be ready", 3, "0!", {}, []],
    ["goes on then", 3, "0", {}, ["create db-1"]],
    ["fills a gap first", 3, "0 2", {}, ["create db-1"]],
    ["waits for one that goes", 3, "0- 1 2", {}, []],
    ["makes all at once when told", 3, "1!", parallel, ["create db-0", "create db-2"]],
    ["removes the last first", 1, "0 1 2", {}, ["remove db-2"]],
    ["waits until it is gone", 1, "0 1 2-", {}, []],
    ["removes all at once when told", 1, "0 1 2", parallel, ["remove db-2", "remove db-1"]],
    ["updates from the last", 3, "0~ 1~ 2~", {}, ["remove db-2"]],
    ["waits for the updated one", 3, "0~ 1~ 2!", {}, []],
    ["goes on with the next", 3, "0~ 1~ 2", {}, ["remove db-1"]],
    ["stops at the partition", 3, "0~ 1~ 2", { updateStrategy: { rollingUpdate: { partition: 2 } } }, []],
    ["updates nothing by itself when told", 3, "0~ 1~ 2~", { updateStrategy: { type: "OnDelete" } }, []],
    ["begins where its ordinals begin", 2, "5", { ordinals: { start: 5 } }, ["create db-6"]],
  ];
  for (const [what, replicas, pods, spec, lines] of rows) {
    test(what, () => {
      const set = setOf(replicas, spec);
      const operations = planStatefulSet(set, podsOf(set, pods), nowMs).operations.map(formatOperation);
      const found = operations
        .filter((line) => !line.includes("status"))
        .map((line) => line.replace(/^(\w+) Pod shop\/(\S+).*$/, "$1 $2"));
      expect(found).toEqual([...lines]);
    });
  }
});
