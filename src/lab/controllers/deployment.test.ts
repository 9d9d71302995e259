// The steps of a Deployment from one template to the next, and what its status says.

import { describe, expect, test } from "bun:test";
import type { DeploymentSpec } from "kubernetes-types/apps/v1";
import type { Deployment, ReplicaSet } from "#kube/kinds.ts";
import { nowMs, replicaSetNamed } from "#test/lab/objects.ts";
import { planDeployment } from "./deployment.ts";
import { deploymentStatus } from "./deployment-status.ts";
import { formatOperation } from "./operation.ts";

const template = (image: string) => ({
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "web", image }] },
});

function deploymentOf(spec: Partial<DeploymentSpec> = {}, revision = "1"): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: {
      namespace: "shop",
      name: "web",
      uid: "uid-web",
      generation: 2,
      annotations: { "deployment.kubernetes.io/revision": revision },
    },
    spec: { replicas: 4, selector: { matchLabels: { app: "web" } }, template: template("web:2"), ...spec },
  };
}

function setOf(name: string, image: string, replicas: number, available = replicas, revision = "1"): ReplicaSet {
  const set = replicaSetNamed(name, replicas, available);
  const own = template(image);
  const labels = { ...own.metadata.labels, "pod-template-hash": name };
  return {
    ...set,
    metadata: { ...set.metadata, annotations: { "deployment.kubernetes.io/revision": revision } },
    spec: { replicas, selector: {}, template: { ...own, metadata: { labels } } },
  };
}

function lines(deployment: Deployment, sets: readonly ReplicaSet[]): readonly string[] {
  const { operations } = planDeployment(deployment, sets, nowMs);
  return operations.map(formatOperation).filter((line) => !line.includes("Deployment shop/web status"));
}

describe("planDeployment()", () => {
  test("makes its first set", () => {
    const [first, ...rest] = planDeployment(deploymentOf(), [], nowMs).operations;
    const object = first?.do === "create" ? (first.object as unknown as ReplicaSet) : undefined;
    const hash = object?.metadata.labels?.["pod-template-hash"];
    expect(object?.metadata.name).toBe(`web-${hash}`);
    expect(object?.spec?.selector.matchLabels).toEqual({ app: "web", "pod-template-hash": hash ?? "" });
    expect(object?.spec?.replicas).toBe(4);
    expect(rest.length).toBe(1);
  });

  const recreate = { strategy: { type: "Recreate" } };
  const rows: readonly (readonly [
    what: string,
    deployment: Deployment,
    sets: readonly ReplicaSet[],
    lines: readonly string[],
  ])[] = [
    ["has nothing to do at its end", deploymentOf(), [setOf("b", "web:2", 4)], []],
    [
      "follows its size",
      deploymentOf({ replicas: 6 }),
      [setOf("b", "web:2", 4)],
      ["patch ReplicaSet shop/b (4 to 6, 6 wanted)"],
    ],
    [
      "rolls on",
      deploymentOf({}, "2"),
      [setOf("a", "web:1", 4), setOf("b", "web:2", 1, 1, "2")],
      ["patch ReplicaSet shop/a (4 to 2, 4 wanted)"],
    ],
    [
      "gives the template that is old and new again the highest revision",
      deploymentOf({}, "2"),
      [setOf("a", "web:1", 0, 0, "2"), setOf("b", "web:2", 4, 4, "1")],
      ["patch ReplicaSet shop/b (revision 3)", "patch Deployment shop/web (revision 3)"],
    ],
    [
      "to be recreated stops all first",
      deploymentOf(recreate),
      [setOf("a", "web:1", 4)],
      ["patch ReplicaSet shop/a (4 to 0, all pods go before the new ones come)"],
    ],
    [
      "to be recreated waits for their end",
      deploymentOf(recreate),
      [{ ...setOf("a", "web:1", 0), status: { replicas: 1 } }],
      [],
    ],
    ["that is paused does not roll", deploymentOf({ paused: true }), [setOf("a", "web:1", 4)], []],
    [
      "that is paused follows its size",
      deploymentOf({ paused: true, replicas: 5 }),
      [setOf("a", "web:1", 4)],
      ["patch ReplicaSet shop/a (4 to 5, paused)"],
    ],
    [
      "keeps as many old sets as it should",
      deploymentOf({ revisionHistoryLimit: 1 }, "3"),
      [setOf("a", "web:0", 0, 0, "1"), setOf("b", "web:1", 0, 0, "2"), setOf("c", "web:2", 4, 4, "3")],
      ["remove ReplicaSet shop/a (1 old revisions are kept)"],
    ],
  ];
  for (const [what, deployment, sets, expected] of rows)
    test(what, () => expect(lines(deployment, sets)).toEqual([...expected]));
});

describe("deploymentStatus()", () => {
  function conditions(deployment: Deployment, set: ReplicaSet, at = nowMs): readonly string[] {
    return deploymentStatus(deployment, set, [set], at).status.conditions.map(
      ({ type, status, reason }) => `${type}=${status} ${reason}`,
    );
  }

  test("says that all is there", () => {
    expect(conditions(deploymentOf(), setOf("b", "web:2", 4))).toEqual([
      "Available=True MinimumReplicasAvailable",
      "Progressing=True NewReplicaSetAvailable",
    ]);
  });

  test("says that it is on its way, and when that takes too long", () => {
    const deployment = deploymentOf({ progressDeadlineSeconds: 60 });
    const set = setOf("b", "web:2", 4, 1);
    const { status, againMs } = deploymentStatus(deployment, set, [set], nowMs);
    expect(againMs).toBe(60_000);
    expect(conditions(deployment, set)).toEqual([
      "Available=False MinimumReplicasUnavailable",
      "Progressing=True ReplicaSetUpdated",
    ]);
    const later = { ...deployment, status };
    expect(deploymentStatus(later, set, [set], nowMs + 50_000).againMs).toBe(10_000);
    expect(conditions(later, set, nowMs + 60_000)[1]).toBe("Progressing=False ProgressDeadlineExceeded");
    expect(conditions(later, setOf("b", "web:2", 4, 2), nowMs + 60_000)[1]).toBe("Progressing=True ReplicaSetUpdated");
  });

  test("keeps the times of what stays as it was", () => {
    const set = setOf("b", "web:2", 4);
    const { status } = deploymentStatus(deploymentOf(), set, [set], nowMs);
    const next = deploymentStatus({ ...deploymentOf(), status }, set, [set], nowMs + 5000);
    expect(next.status).toEqual(status);
  });
});
