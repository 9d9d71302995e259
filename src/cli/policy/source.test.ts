// A cluster that does not have, or does not show, all kinds that policy commands read.

import { describe, expect, test } from "bun:test";
import { type KubeError, kubeError } from "#kube/kube-error.ts";
import { Folder } from "#test/policy/command.ts";
import { readSource } from "./source.ts";

const policy = { metadata: { namespace: "shop", name: "db" }, spec: { podSelector: {} } };
const ours = "clusternetworkpolicies";
const kindOf: Readonly<Record<string, string>> = {
  ...{ namespaces: "Namespace", nodes: "Node", pods: "Pod", services: "Service", endpointslices: "EndpointSlice" },
  ...{ networkpolicies: "NetworkPolicy", [ours]: "ClusterNetworkPolicy" },
  ...{ adminnetworkpolicies: "AdminNetworkPolicy", baselineadminnetworkpolicies: "BaselineAdminNetworkPolicy" },
};

/** The kinds that a command saw; `refusals` by the plural of the kind. */
async function seen(refusals: Readonly<Record<string, KubeError>>): Promise<readonly string[]> {
  using folder = new Folder();
  await using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => {
      const plural = new URL(url).pathname.split("/").at(-1) ?? "";
      const refused = refusals[plural];
      if (refused !== undefined) return Response.json(refused.status, { status: refused.httpCode });
      const items = plural === "networkpolicies" || plural === ours ? [policy] : [];
      return Response.json({ kind: `${kindOf[plural]}List`, metadata: { resourceVersion: "1" }, items });
    },
  });
  const config = {
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c" } }],
    clusters: [{ name: "c", cluster: { server: `http://127.0.0.1:${server.port}` } }],
  };
  const kubeconfig = folder.write("kubeconfig", JSON.stringify(config));
  const io = { stdout: () => {}, stderr: () => {}, env: new Map<string, string>() };
  const { objects } = await readSource({ manifests: [], kubeconfig }, io);
  return objects.map(({ kind }) => kind);
}

const missing = kubeError("NotFound", "the server could not find the requested resource");
const hidden = kubeError("Forbidden", "you may not list these");

describe("readSource()", () => {
  const rows: readonly (readonly [what: string, refusals: Readonly<Record<string, KubeError>>, kinds: string])[] = [
    ["all there is", {}, "NetworkPolicy ClusterNetworkPolicy"],
    ["a cluster without kinds of its own", { [ours]: missing }, "NetworkPolicy"],
    // What an agent's account may see.
    ["kinds that are not in force, hidden", { adminnetworkpolicies: hidden }, "NetworkPolicy ClusterNetworkPolicy"],
    ["the same, not there", { baselineadminnetworkpolicies: missing }, "NetworkPolicy ClusterNetworkPolicy"],
  ];
  for (const [what, refusals, kinds] of rows) {
    test(`reads ${what}`, async () => expect((await seen(refusals)).join(" ")).toBe(kinds));
  }

  const needed = ["namespaces", "nodes", "pods", "services", "endpointslices", "networkpolicies", ours];
  for (const plural of needed) {
    test(`gives no answer where ${plural} are hidden`, async () => {
      await expect(seen({ [plural]: hidden })).rejects.toThrow(
        /^Cannot read the cluster at .*: you may not list these$/,
      );
    });
  }
});
