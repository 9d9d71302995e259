// Manifests loaded into an API server in memory.

import { describe, expect, test } from "bun:test";
import { KubeClient } from "#kube/client.ts";
import { localTransport } from "#lab/apiserver/local-transport.ts";
import { TestApi } from "#test/lab/api.ts";
import { formatLoaded, loadManifests } from "./load.ts";
import { parseManifests } from "./read.ts";
import { progressOf } from "./ready.ts";

async function load(api: TestApi, text: string): Promise<readonly string[]> {
  const client = new KubeClient(localTransport(api.server, { username: "t", groups: ["system:masters"] }), "test");
  const lines: string[] = [];
  await loadManifests(parseManifests(text, "x.yaml"), {
    ...{ client, namespace: "default", sleep: Bun.sleep },
    loaded: (each) => lines.push(formatLoaded(each)),
  });
  return lines;
}

const shop = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
const config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: shop}\ndata: {x: '1'}\n";

describe("loadManifests()", () => {
  test("tells what it made, changed, and found as it shall be", async () => {
    using api = new TestApi();
    expect(await load(api, `${config}---\n${shop}`)).toEqual(["namespace/shop created", "configmap/a created"]);
    expect(await load(api, config)).toEqual(["configmap/a unchanged"]);
    expect(await load(api, config.replace("'1'", "'2'"))).toEqual(["configmap/a configured"]);
  });

  const refused: readonly (readonly [what: string, text: string, sentence: string])[] = [
    [
      "a kind that is spelled wrongly",
      "apiVersion: apps/v1\nkind: Deploymnet\n",
      "Cannot load x.yaml: the lab has no kind Deploymnet of apps/v1; did you mean Deployment of apps/v1",
    ],
    [
      "a kind of another group",
      "apiVersion: extensions/v1beta1\nkind: Deployment\n",
      "the lab has no kind Deployment of extensions/v1beta1; did you mean Deployment of apps/v1",
    ],
    [
      "a kind that nobody knows",
      "apiVersion: example.com/v1\nkind: Qwxyz\n",
      "the lab has no kind Qwxyz of example.com/v1; its CustomResourceDefinition may be missing",
    ],
    [
      "an object without a name",
      "apiVersion: v1\nkind: Namespace\n",
      "Cannot load Namespace of x.yaml: it has no metadata.name",
    ],
    [
      "an object of a namespace that is not there",
      "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, namespace: nowhere}\n",
      "Cannot load ConfigMap a of x.yaml: there is no namespace nowhere; load a manifest for it, too",
    ],
    [
      "an object that the server finds wrong",
      `${shop}---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop}\nspec: {containers: []}\n`,
      "Cannot load Pod p of x.yaml: Pod",
    ],
  ];
  for (const [what, text, sentence] of refused) {
    test(`refuses ${what}`, async () => {
      using api = new TestApi();
      await expect(load(api, text)).rejects.toThrow(sentence);
    });
  }
});

describe("progressOf()", () => {
  const rows: readonly (readonly [kind: string, fields: object, progress: string])[] = [
    [
      "Deployment",
      { spec: { replicas: 2 }, status: { observedGeneration: 1, updatedReplicas: 2, availableReplicas: 1 } },
      "1 of 2",
    ],
    ["Deployment", { spec: {}, status: { observedGeneration: 0, updatedReplicas: 1, availableReplicas: 1 } }, "0 of 1"],
    [
      "StatefulSet",
      { spec: { replicas: 3 }, status: { observedGeneration: 1, updatedReplicas: 3, readyReplicas: 3 } },
      "3 of 3",
    ],
    [
      "DaemonSet",
      { status: { observedGeneration: 1, desiredNumberScheduled: 3, updatedNumberScheduled: 3, numberReady: 2 } },
      "2 of 3",
    ],
    ["ReplicaSet", { spec: { replicas: 1 }, status: {} }, "0 of 1"],
    ["Job", { spec: { completions: 2 }, status: { succeeded: 1 } }, "1 of 2"],
    ["Pod", { status: { conditions: [{ type: "Ready", status: "True" }] } }, "1 of 1"],
    ["Pod", { status: { phase: "Succeeded" } }, "1 of 1"],
    ["ConfigMap", {}, "nothing"],
  ];
  for (const [kind, fields, expected] of rows) {
    test(`${kind}: ${expected}`, () => {
      const progress = progressOf({ apiVersion: "v1", kind, metadata: { name: "x", generation: 1 }, ...fields });
      expect(progress === undefined ? "nothing" : `${progress.ready} of ${progress.wanted}`).toBe(expected);
    });
  }
});
