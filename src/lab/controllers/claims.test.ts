// What owners adopt and release, as plans; and a deployment that finds its pods again.

import { describe, expect, test } from "bun:test";
import type { Pod, ReplicaSet } from "#kube/kinds.ts";
import { deployments, pods, replicaSets } from "#kube/resource.ts";
import { deployment } from "#test/lab/api.ts";
import { TestCluster } from "#test/lab/cluster.ts";
import { planClaims } from "./claims.ts";
import { formatOperation } from "./operation.ts";

const set = {
  ...{ apiVersion: "apps/v1", kind: "ReplicaSet", metadata: { namespace: "shop", name: "web", uid: "1" } },
  spec: { selector: { matchLabels: { app: "web" } } },
} as ReplicaSet;
const reference = { apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "1", controller: true };

function pod(name: string, app: string, more: object = {}): Pod {
  return { apiVersion: "v1", kind: "Pod", metadata: { namespace: "shop", name, uid: name, labels: { app }, ...more } };
}

function planned(owned: readonly Pod[], orphans: readonly Pod[], owner = set): readonly string[] {
  return planClaims({ ownerResource: replicaSets, owner, resource: pods, owned, orphans }).map(formatOperation);
}

describe("an owner", () => {
  const gone = { deletionTimestamp: "2030-01-01T00:00:00Z" };
  const rows: readonly (readonly [
    what: string,
    owned: readonly Pod[],
    orphans: readonly Pod[],
    plan: readonly string[],
  ])[] = [
    ["takes what it selects", [], [pod("a", "web")], ["patch Pod shop/a (ReplicaSet web adopts it)"]],
    ["leaves what it does not select", [], [pod("a", "db")], []],
    ["leaves what is on its way out", [], [pod("a", "web", gone)], []],
    ["keeps what it has", [pod("a", "web", { ownerReferences: [reference] })], [], []],
    [
      "lets go what it selects no more",
      [pod("a", "mended", { ownerReferences: [reference] })],
      [],
      ["patch Pod shop/a (ReplicaSet web releases it)"],
    ],
  ];
  for (const [what, owned, orphans, plan] of rows) test(what, () => expect(planned(owned, orphans)).toEqual(plan));

  test("without a selector takes nothing", () => {
    expect(planned([], [pod("a", "web")], { ...set, spec: { selector: {} } })).toEqual([]);
  });

  test("keeps other references than its own", () => {
    const other = { apiVersion: "v1", kind: "Node", name: "n", uid: "2" };
    const owned = [pod("a", "none", { ownerReferences: [other, reference] })];
    const [operation] = planClaims({ ownerResource: replicaSets, owner: set, resource: pods, owned, orphans: [] });
    expect(operation).toMatchObject({ patch: { metadata: { uid: "a", ownerReferences: [other] } } });
  });
});

test("a deployment that was removed without its pods finds them again", async () => {
  using cluster = new TestCluster();
  await cluster.start("n1");
  cluster.runKubelets();
  const place = { namespace: "default", name: "web" };
  const { metadata, ...rest } = deployment("web", 2) as { metadata: { name: string } };
  const draft = { ...rest, metadata: { ...metadata, namespace: "default" } };
  const names = async () =>
    (await cluster.client.list(pods, { namespace: "default" })).items.map((item) => item.metadata.name);
  const available = async () =>
    (await cluster.client.get(deployments, place)).status?.availableReplicas === 2 || undefined;

  await cluster.client.create(deployments, draft);
  await cluster.until("the pods are available", available);
  const before = await names();
  await cluster.client.remove(deployments, place, { propagationPolicy: "Orphan" });
  await cluster.until("the deployment is gone", async () => {
    const { items } = await cluster.client.list(deployments, { namespace: "default" });
    return items.length === 0 || undefined;
  });
  await cluster.client.create(deployments, draft);
  await cluster.until("the pods are available again", available);
  expect(await names()).toEqual(before);
  expect((await cluster.client.list(replicaSets, { namespace: "default" })).items).toHaveLength(1);
});

test("a pod with another label is replaced, and stays", async () => {
  using cluster = new TestCluster();
  await cluster.start("n1");
  const { metadata, ...rest } = deployment("web", 1) as { metadata: { name: string } };
  await cluster.client.create(deployments, { ...rest, metadata: { ...metadata, namespace: "default" } });
  const list = async () => (await cluster.client.list(pods, { namespace: "default" })).items;
  const [first] = await cluster.until("a pod is there", async () =>
    (await list()).length > 0 ? await list() : undefined,
  );
  const name = first?.metadata.name ?? "";
  await cluster.client.patch(pods, { namespace: "default", name }, "merge", {
    metadata: { labels: { app: "mended" } },
  });
  const both = await cluster.until("another pod is there", async () =>
    (await list()).length === 2 ? await list() : undefined,
  );
  await cluster.until("the first is nobody's", async () => {
    const { metadata: after } = await cluster.client.get(pods, { namespace: "default", name });
    return (after.ownerReferences ?? []).length === 0 || undefined;
  });
  expect(both.map((item) => item.metadata.name)).toContain(name);
});
