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
import { commandOf, differences, expectedOf, type Group, type Row, wordsOf } from "./kubectl/row.ts";
import { Kubectl, type KubectlResult, kubectlVersions } from "./kubectl.ts";

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

/** How long a command waits before the one that runs meanwhile. */
const meanwhileMs = 400;
/** How long controllers may take, and how often they are looked at. */
const patienceMs = 10_000;
const againMs = 200;
/** Commands of all groups of a kubectl wait for each other. */
const timeoutMs = 90_000;

const versions = kubectlVersions();
// All of them take minutes: the oldest and the newest see what the others see.
const tried =
  process.env["TWILL_LONG"] === "1" ? versions : versions.filter((_, i) => i === 0 || i === versions.length - 1);

async function runRow(kubectl: Kubectl, namespace: string, row: Row): Promise<KubectlResult> {
  const { input, env, meanwhile, eventually } = row;
  const inNamespace = (text: string) =>
    / (-n|-A|--raw)\b/.test(text) ? wordsOf(text) : [...wordsOf(text), "--namespace", namespace];
  const words = inNamespace(commandOf(row, kubectl.minor));
  const result = kubectl.run(words, { input, env });
  if (meanwhile !== undefined) {
    await Bun.sleep(meanwhileMs);
    const { exitCode, stderr } = await kubectl.run(inNamespace(meanwhile));
    if (exitCode !== 0) throw new Error(`${meanwhile} ended with ${exitCode}: ${stderr}`);
  }
  const end = Date.now() + patienceMs;
  let last = await result;
  while (eventually === true && Date.now() < end && differences(expectedOf(row, kubectl.minor), last).length > 0) {
    await Bun.sleep(againMs);
    last = await kubectl.run(words, { input, env });
  }
  return last;
}

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
          const expected = expectedOf(row, version.minor);
          const { code = 0 } = expected;
          const name = `${commandOf(row, version.minor)} ${code === 0 ? "works" : `ends with ${code}`}`;
          test(
            name,
            async () => {
              const result = await results.get(row)?.promise;
              if (result === undefined) throw new Error("The command never ran");
              expect(differences(expected, result), `${result.stdout}${result.stderr}`).toEqual([]);
            },
            timeoutMs,
          );
        }
      });
    }
  });
}
