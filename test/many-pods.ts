// A Deployment of many pods that the stand-in plays, for what is tried and measured at size.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { deployments } from "#kube/resource.ts";
import { readMaxNeighbours } from "#lab/probe/neighbours.ts";
import { type TestLabs, within } from "./lab.ts";

export const manyPodsLabel = "app=many";

/** Scales the Deployment and waits until as many pods are Ready. @throws Error when they are not in time */
export async function loadManyPods(labs: TestLabs, lab: string, replicas: number, limitMs: number): Promise<void> {
  scaleManyPods(labs, lab, replicas);
  const client = labs.client(lab);
  let ready = 0;
  const isDone = async () => {
    const { status } = await client.get(deployments, { name: "many", namespace: "default" });
    ready = status?.readyReplicas ?? 0;
    return ready === replicas && (status?.replicas ?? 0) === replicas;
  };
  if (!(await within(limitMs, isDone))) throw new Error(`Of ${replicas} pods ${ready} were Ready after ${limitMs} ms`);
}

/** Scales the Deployment and waits for nothing. */
export function scaleManyPods(labs: TestLabs, lab: string, replicas: number): void {
  const file = join(labs.folder, "many.json");
  writeFileSync(file, manyPods(replicas));
  labs.ok("load", "--lab", lab, file);
}

/** The manifest, as JSON. Pods are probed unless they are more than the machine keeps neighbours for (docs/lab.md). */
function manyPods(replicas: number): string {
  const labels = { app: "many" };
  const isProbed = 2 * replicas < readMaxNeighbours();
  const readinessProbe = isProbed ? { httpGet: { path: "/readyz", port: "http" }, periodSeconds: 5 } : undefined;
  const container = {
    ...{ name: "web", image: "example/web:1", ports: [{ name: "http", containerPort: 80 }], readinessProbe },
    resources: { requests: { cpu: "1m", memory: "1Mi" } },
  };
  return JSON.stringify({
    ...{ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "many", namespace: "default" } },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container], terminationGracePeriodSeconds: 0 } },
    },
  });
}
