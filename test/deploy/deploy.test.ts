// The manifests of deploy/: an API server takes them, and what they allow is what Twill uses.

import { expect, test } from "bun:test";
import { resolve } from "node:path";
import { parseConfig } from "#agent/config/config.ts";
import { KubeClient } from "#kube/client.ts";
import { configMaps } from "#kube/resource.ts";
import { Rbac } from "#lab/apiserver/authz/rbac.ts";
import { localTransport } from "#lab/apiserver/local-transport.ts";
import { loadManifests } from "#lab/manifests/load.ts";
import { readManifests } from "#lab/manifests/read.ts";
import { TestApi } from "#test/lab/api.ts";
import { asked, user } from "#test/lab/rbac.ts";

const folder = resolve(import.meta.dir, "../../deploy");

async function deployed(): Promise<{ readonly api: TestApi; readonly client: KubeClient; readonly loaded: string[] }> {
  const api = new TestApi();
  const client = new KubeClient(localTransport(api.server, { username: "t", groups: ["system:masters"] }), "test");
  const loaded: string[] = [];
  await loadManifests(readManifests([folder]), {
    ...{ client, namespace: "default", sleep: Bun.sleep },
    loaded: ({ object: { kind, metadata } }) => loaded.push(`${kind} ${metadata.name}`),
  });
  return { api, client, loaded };
}

test("an API server takes all of them, and the agent its configuration", async () => {
  const { api, client, loaded } = await deployed();
  using _ = api;
  expect(loaded.sort()).toEqual([
    "ClusterRole twill-agent",
    "ClusterRole twill-operator",
    "ClusterRoleBinding twill-agent",
    "ClusterRoleBinding twill-operator",
    "ConfigMap twill-agent",
    "CustomResourceDefinition clusternetworkpolicies.policy.networking.k8s.io",
    "DaemonSet twill-agent",
    "Deployment twill-operator",
    "Namespace twill-system",
    "Role twill-operator",
    "RoleBinding twill-operator",
    "ServiceAccount twill-agent",
    "ServiceAccount twill-operator",
  ]);
  const { data } = await client.get(configMaps, { namespace: "twill-system", name: "twill-agent" });
  expect(parseConfig(data?.["config.yaml"] ?? "").fabric.mode).toBe("auto");
});

const agent = "twill-agent";
const operator = "twill-operator";
const rows: readonly (readonly [account: string, request: string, allowed: boolean])[] = [
  [agent, "watch nodes", true],
  [agent, "get pods shop/web", true],
  [agent, "watch networkpolicies.networking.k8s.io shop/", true],
  [agent, "list endpointslices.discovery.k8s.io shop/", true],
  [agent, "create events shop/", true],
  [agent, "patch nodes /node1", false],
  [agent, "patch pods shop/web", false],
  [agent, "get nodes /node1", false],
  [agent, "get namespaces /shop", false],
  [agent, "get secrets shop/key", false],
  [agent, "get leases.coordination.k8s.io twill-system/twill-operator", false],
  [operator, "watch nodes", true],
  [operator, "patch nodes /node1", true],
  [operator, "create leases.coordination.k8s.io twill-system/", true],
  [operator, "update leases.coordination.k8s.io twill-system/twill-operator", true],
  [operator, "update leases.coordination.k8s.io twill-system/other", false],
  [operator, "update leases.coordination.k8s.io kube-system/twill-operator", false],
  [operator, "get nodes /node1", false],
  [operator, "delete nodes /node1", false],
  [operator, "patch nodes/status /node1", false],
  [operator, "get pods shop/web", false],
];

test("its accounts may do what they need, and nothing else", async () => {
  const { api } = await deployed();
  using _ = api;
  using rights = new Rbac(api.store);
  const outcomes = rows.map(([account, request]) => {
    const by = user(`system:serviceaccount:twill-system:${account}`, "system:serviceaccounts");
    return [account, request, rights.decide(asked(by, request)).allowed];
  });
  expect<readonly unknown[]>(outcomes).toEqual([...rows]);
});
