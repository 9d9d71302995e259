// Real kubectls against the API server and its controllers: tables of commands, each with its exit and what it must print.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { formatKubeconfig, parseKubeconfig } from "#kube/kubeconfig.ts";
import { bootstrapRoles, rbacResource } from "#lab/apiserver/authz/bootstrap-roles.ts";
import { TestCluster } from "#test/lab/cluster.ts";
import { serveHttps } from "#test/lab/https.ts";
import { applying } from "./kubectl/applying.ts";
import { changing } from "./kubectl/changing.ts";
import { creating } from "./kubectl/creating.ts";
import { customResources } from "./kubectl/custom-resources.ts";
import { deleting } from "./kubectl/deleting.ts";
import { describing } from "./kubectl/describing.ts";
import { manifests } from "./kubectl/manifests.ts";
import { nodes } from "./kubectl/nodes.ts";
import { reading } from "./kubectl/reading.ts";
import { refusals } from "./kubectl/refusals.ts";
import { rights } from "./kubectl/rights.ts";
import { rollouts } from "./kubectl/rollouts.ts";
import { differences, expectedOf, type Group, type Row, titleOf } from "./kubectl/row.ts";
import { runRow } from "./kubectl/run-row.ts";
import { Kubectl, type KubectlResult, kubectlVersions, oldestAndNewest } from "./kubectl.ts";

const groups: readonly Group[] = [
  reading,
  creating,
  applying,
  changing,
  rollouts,
  describing,
  customResources,
  nodes,
  deleting,
  rights,
  refusals,
];

/** Commands of all groups of a kubectl wait for each other. */
const timeoutMs = 90_000;

// All of them take minutes.
const tried = process.env["TWILL_LONG"] === "1" ? kubectlVersions() : oldestAndNewest(kubectlVersions());

for (const version of tried) {
  describe(`kubectl 1.${version.minor}`, () => {
    const stack = new AsyncDisposableStack();
    const results = new Map<Row, PromiseWithResolvers<KubectlResult>>();
    for (const row of groups.flatMap(({ rows }) => rows)) results.set(row, Promise.withResolvers());

    async function runGroup(kubectl: Kubectl, { name, rows }: Group): Promise<void> {
      for (const row of rows) {
        const { resolve, reject } = results.get(row) ?? Promise.withResolvers<KubectlResult>();
        await runRow(kubectl, name, row).then(resolve, reject);
      }
    }

    beforeAll(async () => {
      const cluster = stack.use(new TestCluster({ nodeGraceMs: 3_600_000 }));
      await cluster.start("n1", "n2", "spare");
      for (const role of bootstrapRoles) await cluster.client.create(rbacResource(role.kind), role);
      cluster.runKubelets();
      const { kubeconfig } = await serveHttps(stack, cluster.server);
      const kubectl = stack.use(new Kubectl(version, kubeconfig));
      for (const [name, text] of Object.entries(manifests)) kubectl.file(name, text);
      const { server, certificateAuthority } = parseKubeconfig(kubeconfig, "/");
      const nobody = { server, certificateAuthority, token: "nobody's" };
      kubectl.file("nobody.kubeconfig", formatKubeconfig("nobody", nobody));
      for (const result of results.values()) result.promise.catch(() => {});
      // The first fills the cache of what the server serves for all others.
      for (const { name } of groups) await kubectl.run(["create", "namespace", name]);
      void Promise.all(groups.map((group) => runGroup(kubectl, group)));
    }, timeoutMs);
    afterAll(async () => await stack.disposeAsync());

    for (const { name, rows } of groups) {
      describe(name, () => {
        for (const row of rows) {
          const name = titleOf(row, version.minor);
          test(
            name,
            async () => {
              const result = await results.get(row)?.promise;
              if (result === undefined) throw new Error("The command never ran");
              expect(differences(expectedOf(row, version.minor), result), `${result.stdout}${result.stderr}`).toEqual(
                [],
              );
            },
            timeoutMs,
          );
        }
      });
    }
  });
}
