// Real kubectls in a real lab: what needs pods that run, and nodes that can be emptied.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { TestLabs } from "#test/lab.ts";
import { inLab } from "./kubectl/in-a-lab.ts";
import { differences, expectedOf, titleOf } from "./kubectl/row.ts";
import { runRow } from "./kubectl/run-row.ts";
import { Kubectl, kubectlVersions, oldestAndNewest } from "./kubectl.ts";

const limitMs = 180_000;

describe("in a lab", () => {
  const stack = new AsyncDisposableStack();
  let kubeconfig = "";

  beforeAll(async () => {
    const labs = stack.use(await TestLabs.open());
    const lab = labs.name();
    labs.ok("up", lab, "--nodes", "2");
    kubeconfig = labs.ok("kubeconfig", lab);
  }, limitMs);
  afterAll(async () => await stack.disposeAsync(), limitMs);

  for (const version of oldestAndNewest(kubectlVersions())) {
    describe(`kubectl 1.${version.minor}`, () => {
      const { name: namespace, rows } = inLab(`shop-${version.minor}`);
      let kubectl: Kubectl;

      beforeAll(() => {
        kubectl = stack.use(new Kubectl(version, kubeconfig));
      });

      for (const row of rows) {
        test(
          titleOf(row, version.minor),
          async () => {
            const result = await runRow(kubectl, namespace, row);
            expect(differences(expectedOf(row, version.minor), result), `${result.stdout}${result.stderr}`).toEqual([]);
          },
          limitMs,
        );
      }
    });
  }
});
