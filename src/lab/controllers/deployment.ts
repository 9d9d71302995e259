// Deployments: a ReplicaSet per template, and the way from one to the next.

import { sameJson } from "#base/same-json.ts";
import type { Deployment, ReplicaSet } from "#kube/kinds.ts";
import { deployments, replicaSets } from "#kube/resource.ts";
import { planClaims } from "./claims.ts";
import { type Controller, keysOfOwner, nothing, type Plan } from "./controller.ts";
import { deploymentStatus } from "./deployment-status.ts";
import { create, type Operation, patch, remove, reportStatus } from "./operation.ts";
import { byAge, isTerminating, referenceTo } from "./owner.ts";
import { templateHash } from "./pod-template.ts";
import { limitsOf, rollOut } from "./rolling.ts";

const revisionAnnotation = "deployment.kubernetes.io/revision";
const hashLabel = "pod-template-hash";

export const deploymentController: Controller = {
  name: "deployment",
  keys: keysOfOwner("deployments", "Deployment", ["replicaSets"]),
  plan: (key, view, nowMs) => {
    const deployment = view.deployments.get(key);
    if (deployment === undefined || isTerminating(deployment)) return nothing;
    const { uid, namespace } = deployment.metadata;
    const owned = view.replicaSetsOf(uid);
    const orphans = view.freeReplicaSetsIn(namespace);
    const resource = replicaSets;
    const claims = planClaims({ ownerResource: deployments, owner: deployment, resource, owned, orphans });
    return claims.length > 0 ? { operations: claims } : planDeployment(deployment, owned, nowMs);
  },
};

/** The next step of a deployment towards its template and size, and its status. */
export function planDeployment(deployment: Deployment, owned: readonly ReplicaSet[], nowMs: number): Plan {
  const sets = [...owned].sort(byAge);
  const current = sets.find((set) => hasTemplateOf(set, deployment));
  const old = sets.filter((set) => set !== current);
  const { status, againMs } = deploymentStatus(deployment, current, sets, nowMs);
  const operations = [
    ...(deployment.spec?.paused === true ? keepSize(deployment, current, old) : advance(deployment, current, old)),
    ...prune(deployment, current, old),
    ...reportStatus(deployments, deployment, status, `${status.availableReplicas} of ${status.replicas} available`),
  ];
  return { operations, againMs };
}

function hasTemplateOf(set: ReplicaSet, deployment: Deployment): boolean {
  const template = set.spec?.template;
  const { [hashLabel]: _, ...labels } = template?.metadata?.labels ?? {};
  const own = { ...template, metadata: { ...template?.metadata, labels } };
  const wanted = deployment.spec?.template;
  return sameJson(own, { ...wanted, metadata: { ...wanted?.metadata, labels: wanted?.metadata?.labels ?? {} } });
}

function advance(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Operation[] {
  const replicas = deployment.spec?.replicas ?? 1;
  const recreate = deployment.spec?.strategy?.type === "Recreate";
  const limits = limitsOf(replicas, deployment.spec?.strategy?.rollingUpdate);
  if (recreate) {
    const running = old.filter((set) => (set.spec?.replicas ?? 0) > 0);
    if (running.length > 0) return running.map((set) => scaleTo(set, 0, "all pods go before the new ones come"));
    if (old.some((set) => (set.status?.replicas ?? 0) > 0)) return [];
  }
  if (current === undefined)
    return newSet(deployment, old, recreate ? replicas : firstSize(replicas, limits.surge, old));
  const revising = markCurrent(deployment, current, old);
  const scales = recreate ? [{ set: current, replicas }] : rollOut(replicas, current, old, limits);
  const why = `${replicas} wanted`;
  return [
    ...revising,
    ...scales
      .filter(({ set, replicas }) => set.spec?.replicas !== replicas)
      .map((scale) => scaleTo(scale.set, scale.replicas, why)),
  ];
}

/** A deployment that is paused only follows its size, with the sets that it has. */
function keepSize(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Operation[] {
  const newest = current ?? old.at(-1);
  const others = [current, ...old].filter((set) => set !== undefined && set !== newest);
  const elsewhere = others.reduce((sum, set) => sum + (set?.spec?.replicas ?? 0), 0);
  const size = Math.max(0, (deployment.spec?.replicas ?? 1) - elsewhere);
  return newest === undefined || newest.spec?.replicas === size ? [] : [scaleTo(newest, size, "paused")];
}

function firstSize(replicas: number, surge: number, old: readonly ReplicaSet[]): number {
  const there = old.reduce((sum, set) => sum + (set.spec?.replicas ?? 0), 0);
  return Math.max(0, Math.min(replicas, replicas + surge - there));
}

function newSet(deployment: Deployment, old: readonly ReplicaSet[], replicas: number): readonly Operation[] {
  const { namespace = "", name } = deployment.metadata;
  const template = deployment.spec?.template;
  const hash = templateHash(template);
  const revision = String(nextRevision(old));
  const labels = { ...template?.metadata?.labels, [hashLabel]: hash };
  const set = {
    metadata: {
      name: `${name}-${hash}`,
      namespace,
      labels,
      annotations: { ...annotationsFor(deployment), [revisionAnnotation]: revision },
      ownerReferences: [referenceTo(deployments, deployment)],
    },
    spec: {
      replicas,
      minReadySeconds: deployment.spec?.minReadySeconds ?? 0,
      selector: {
        ...deployment.spec?.selector,
        matchLabels: { ...deployment.spec?.selector?.matchLabels, [hashLabel]: hash },
      },
      template: { ...template, metadata: { ...template?.metadata, labels } },
    },
  };
  return [create(replicaSets, set, `revision ${revision}`), ...setRevision(deployment, revision)];
}

/** The set of the present template has the highest revision, also when the template is an old one again. */
function markCurrent(deployment: Deployment, current: ReplicaSet, old: readonly ReplicaSet[]): readonly Operation[] {
  const next = nextRevision(old);
  const own = revisionOf(current);
  const revision = String(Math.max(own, next));
  const annotations = { [revisionAnnotation]: revision };
  const marking =
    own >= next ? [] : [patch(replicaSets, current, { metadata: { annotations } }, `revision ${revision}`)];
  return [...marking, ...setRevision(deployment, revision)];
}

function setRevision(deployment: Deployment, revision: string): readonly Operation[] {
  if (deployment.metadata.annotations?.[revisionAnnotation] === revision) return [];
  const annotations = { [revisionAnnotation]: revision };
  return [patch(deployments, deployment, { metadata: { annotations } }, `revision ${revision}`)];
}

function annotationsFor(deployment: Deployment): Readonly<Record<string, string>> {
  const { "kubectl.kubernetes.io/last-applied-configuration": _, ...annotations } =
    deployment.metadata.annotations ?? {};
  return annotations;
}

function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[revisionAnnotation] ?? 0);
}

function nextRevision(old: readonly ReplicaSet[]): number {
  return Math.max(0, ...old.map(revisionOf)) + 1;
}

function scaleTo(set: ReplicaSet, replicas: number, why: string): Operation {
  return patch(replicaSets, set, { spec: { replicas } }, `${set.spec?.replicas ?? 0} to ${replicas}, ${why}`);
}

/** Old sets without pods, beyond those that are kept to go back to. */
function prune(
  deployment: Deployment,
  current: ReplicaSet | undefined,
  old: readonly ReplicaSet[],
): readonly Operation[] {
  if (current === undefined) return [];
  const limit = deployment.spec?.revisionHistoryLimit ?? 10;
  const empty = old.filter(
    (set) => set.spec?.replicas === 0 && (set.status?.replicas ?? 0) === 0 && !isTerminating(set),
  );
  const oldest = [...empty].sort((a, b) => revisionOf(a) - revisionOf(b));
  const count = Math.max(0, oldest.length - limit);
  return oldest.slice(0, count).map((set) => remove(replicaSets, set, `${limit} old revisions are kept`));
}
