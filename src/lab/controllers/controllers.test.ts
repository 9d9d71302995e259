// All controllers together on an API server in memory: what a user does to workloads, and what comes of it.

import { describe, expect, test } from "bun:test";
import type { Draft } from "#kube/client.ts";
import type { EndpointSlice } from "#kube/kinds.ts";
import {
  daemonSets,
  deployments,
  endpointSlices,
  endpoints,
  jobs,
  namespaces,
  nodes,
  pods,
  replicaSets,
  services,
  statefulSets,
} from "#kube/resource.ts";
import { TestCluster } from "#test/lab/cluster.ts";
import { skipLabel } from "./mirrored-endpoints.ts";

const namespace = "default";

function template(image = "web:1") {
  return {
    metadata: { labels: { app: "web" } },
    spec: { containers: [{ name: "web", image, ports: [{ containerPort: 80 }] }] },
  };
}

function deployment(replicas: number, image?: string) {
  const selector = { matchLabels: { app: "web" } };
  return { metadata: { namespace, name: "web" }, spec: { replicas, selector, template: template(image) } };
}

async function cluster(...nodeNames: readonly string[]): Promise<TestCluster> {
  const made = new TestCluster();
  made.runKubelets();
  await made.start(...nodeNames);
  return made;
}

async function podsOf(made: TestCluster) {
  return (await made.client.list(pods, { namespace })).items;
}

describe("a cluster's controllers", () => {
  test("run a deployment on all nodes, roll it out, back, and remove it", async () => {
    using made = await cluster("node1", "node2", "node3");
    await made.client.create(deployments, deployment(6));
    const ready = (image: string) => async () => {
      const { status, metadata } = await made.client.get(deployments, { namespace, name: "web" });
      const done = status?.updatedReplicas === 6 && status.availableReplicas === 6 && status.replicas === 6;
      const all = await podsOf(made);
      return done &&
        status.observedGeneration === metadata.generation &&
        all.every(({ spec }) => spec?.containers[0]?.image === image)
        ? all
        : undefined;
    };
    const first = await made.until("six pods", ready("web:1"));
    expect(Object.values(Object.groupBy(first, ({ spec }) => spec?.nodeName ?? "")).map((on) => on?.length)).toEqual([
      2, 2, 2,
    ]);

    await made.client.update(deployments, deployment(6, "web:2"));
    await made.until("the second image", ready("web:2"));
    await made.client.update(deployments, deployment(6, "web:1"));
    await made.until("the first image again", ready("web:1"));
    const sets = (await made.client.list(replicaSets, { namespace })).items;
    const revisions = sets.map(({ metadata, spec }) => [
      metadata.annotations?.["deployment.kubernetes.io/revision"],
      spec?.replicas,
    ]);
    expect(revisions.sort()).toEqual([
      ["2", 0],
      ["3", 6],
    ]);

    await made.client.remove(deployments, { namespace, name: "web" }, { propagationPolicy: "Foreground" });
    await made.until("the end", async () => ((await podsOf(made)).length === 0 ? true : undefined));
    await made.until("the end of its sets", async () =>
      (await made.client.list(replicaSets, { namespace })).items.length === 0 ? true : undefined,
    );
  }, 120_000);

  test("give a service its slices, and take out what is not ready", async () => {
    using made = await cluster("node1");
    await made.client.create(deployments, deployment(3));
    const ports = [{ port: 80, targetPort: 80 }];
    await made.client.create(services, {
      metadata: { namespace, name: "web" },
      spec: { selector: { app: "web" }, ports },
    });
    const found = async () =>
      (await made.client.list(endpointSlices, { namespace })).items.flatMap((slice) => slice.endpoints);
    await made.until("three endpoints", async () =>
      (await found()).filter(({ conditions }) => conditions?.ready === true).length === 3 ? true : undefined,
    );
    const [pod] = await podsOf(made);
    const { name = "" } = pod?.metadata ?? {};
    const conditions = [{ type: "Ready", status: "False" }];
    await made.client.patch(pods, { namespace, name, subresource: "status" }, "merge", { status: { conditions } });
    await made.until("one that is not ready", async () =>
      (await found()).filter(({ conditions }) => conditions?.ready === false).length === 1 ? true : undefined,
    );
    await made.client.remove(services, { namespace, name: "web" });
    await made.until("no slices", async () => ((await found()).length === 0 ? true : undefined));
  }, 120_000);

  test("make slices of Endpoints that somebody has written, also before their service is there", async () => {
    using made = await cluster("node1");
    const { client } = made;
    const metadata = { namespace, name: "db" };
    const ports = [{ port: 5432 }];
    await client.create(endpoints, { metadata, subsets: [{ addresses: [{ ip: "192.0.2.1" }], ports }] });
    const skipped = { ...metadata, name: "skipped", labels: { [skipLabel]: "true" } };
    await client.create(endpoints, { metadata: skipped, subsets: [{ addresses: [{ ip: "192.0.2.9" }], ports }] });
    await client.create(services, { metadata: { namespace, name: "skipped" }, spec: { ports } });
    await client.create(services, { metadata, spec: { ports } });
    const found = async () =>
      (await client.list(endpointSlices, { namespace })).items.flatMap((slice) =>
        slice.endpoints.map(({ addresses }) => `${slice.metadata.labels?.["kubernetes.io/service-name"]} ${addresses}`),
      );
    const are = async (...expected: readonly string[]) =>
      await made.until(expected.join(), async () => ((await found()).join() === expected.join() ? true : undefined));
    await are("db 192.0.2.1");
    const addresses = [{ ip: "192.0.2.1" }, { ip: "192.0.2.2" }];
    await client.patch(endpoints, metadata, "merge", { subsets: [{ addresses, ports }] });
    await are("db 192.0.2.1", "db 192.0.2.2");
    // With a selector its endpoints are pods.
    await client.patch(services, metadata, "merge", { spec: { selector: { app: "db" } } });
    await are();
  }, 120_000);

  test("remove Endpoints that somebody has written, and what mirrors them, with their service", async () => {
    using made = await cluster("node1");
    const { client } = made;
    const ports = [{ port: 5432 }];
    const subsets = [{ addresses: [{ ip: "192.0.2.1" }], ports }];
    for (const name of ["db", "other"]) {
      await client.create(endpoints, { metadata: { namespace, name }, subsets });
      await client.create(services, { metadata: { namespace, name }, spec: { ports } });
    }
    const labels = { "kubernetes.io/service-name": "db" };
    const own = { metadata: { namespace, name: "db-own", labels }, addressType: "IPv4", endpoints: [], ports: [] };
    await client.create(endpointSlices, own as Draft<EndpointSlice>);
    const there = async () => {
      const slices = (await client.list(endpointSlices, { namespace })).items.map(({ metadata }) => metadata);
      const written = (await client.list(endpoints, { namespace })).items.map(({ metadata }) => metadata.name);
      const mirrors = slices
        .filter(({ name }) => name !== "db-own")
        .map((slice) => slice.labels?.["kubernetes.io/service-name"]);
      return `${written.sort()}; ${mirrors.sort()}`;
    };
    const are = async (expected: string) =>
      await made.until(expected, async () => ((await there()) === expected ? true : undefined));
    await are("db,other; db,other");
    await client.remove(services, { namespace, name: "db" });
    await are("other; other");
    // Slices of nobody's making are nobody's to remove.
    await client.get(endpointSlices, { namespace, name: "db-own" });
  }, 120_000);

  test("keep the order and the names of a StatefulSet", async () => {
    using made = await cluster("node1", "node2");
    const selector = { matchLabels: { app: "web" } };
    const spec = { replicas: 3, serviceName: "web", selector, template: template() };
    await made.client.create(statefulSets, { metadata: { namespace, name: "db" }, spec });
    const three = async () => {
      const { status } = await made.client.get(statefulSets, { namespace, name: "db" });
      return status?.readyReplicas === 3 ? (await podsOf(made)).map(({ metadata }) => metadata.name).sort() : undefined;
    };
    expect(await made.until("three pods", three)).toEqual(["db-0", "db-1", "db-2"]);
    const created = made.log.filter((line) => line.startsWith("statefulset: create Pod"));
    expect(created.map((line) => line.split(" ")[3])).toEqual(["default/db-0", "default/db-1", "default/db-2"]);
    await made.client.patch(statefulSets, { namespace, name: "db" }, "merge", { spec: { replicas: 1 } });
    await made.until("one pod", async () => ((await podsOf(made)).length === 1 ? true : undefined));
    const removed = made.log.filter((line) => line.startsWith("statefulset: remove Pod"));
    expect(removed.map((line) => line.split(" ")[3])).toEqual(["default/db-2", "default/db-1"]);
  }, 120_000);

  test("run a daemon on each node, also on one that comes later", async () => {
    using made = await cluster("node1", "node2");
    const selector = { matchLabels: { app: "web" } };
    await made.client.create(daemonSets, {
      metadata: { namespace, name: "agent" },
      spec: { selector, template: template() },
    });
    const on = (count: number) => async () => {
      const { status } = await made.client.get(daemonSets, { namespace, name: "agent" });
      return status?.numberReady === count && status.desiredNumberScheduled === count ? true : undefined;
    };
    await made.until("two daemons", on(2));
    await made.addNode("node3");
    await made.until("three daemons", on(3));
    expect((await podsOf(made)).map(({ spec }) => spec?.nodeName).sort()).toEqual(["node1", "node2", "node3"]);
  }, 120_000);

  test("complete a job", async () => {
    using made = await cluster("node1");
    const spec = { completions: 2, parallelism: 1, template: { spec: { ...template().spec, restartPolicy: "Never" } } };
    await made.client.create(jobs, { metadata: { namespace, name: "once" }, spec });
    for (let run = 1; run <= 2; run++) {
      const pod = await made.until(`run ${run}`, async () =>
        (await podsOf(made)).find(({ status }) => status?.phase === "Running"),
      );
      await made.client.patch(pods, { namespace, name: pod.metadata.name, subresource: "status" }, "merge", {
        status: { phase: "Succeeded", conditions: [] },
      });
    }
    const done = await made.until("the end", async () => {
      const { status } = await made.client.get(jobs, { namespace, name: "once" });
      return status?.conditions?.some(({ type }) => type === "Complete") ? status : undefined;
    });
    expect(done).toMatchObject({ succeeded: 2, active: 0, failed: 0 });
  }, 120_000);

  test("empty a namespace before it goes", async () => {
    using made = await cluster("node1");
    await made.client.create(namespaces, { metadata: { name: "shop" } });
    await made.client.create(deployments, { ...deployment(2), metadata: { namespace: "shop", name: "web" } });
    await made.until("two pods", async () =>
      (await made.client.list(pods, { namespace: "shop" })).items.length === 2 ? true : undefined,
    );
    await made.client.remove(namespaces, { name: "shop" });
    await made.until("the end of the namespace", async () => {
      const { items } = await made.client.list(namespaces);
      return items.some(({ metadata }) => metadata.name === "shop") ? undefined : true;
    });
    expect((await made.client.list(pods, { namespace: "shop" })).items).toEqual([]);
  }, 120_000);

  test("give each node a block of its own, and take pods from a node that falls silent", async () => {
    using made = new TestCluster({ nodeGraceMs: 1500 });
    made.runKubelets();
    await made.start("node1", "node2");
    const blocks = await made.until("blocks", async () => {
      const { items } = await made.client.list(nodes);
      const found = items.flatMap(({ spec }) => spec?.podCIDRs ?? []);
      return found.length === 2 ? found.sort() : undefined;
    });
    expect(blocks).toEqual(["10.244.0.0/24", "10.244.1.0/24"]);
    const tainted = await made.until("silence", async () => {
      const { spec, status } = await made.client.get(nodes, { name: "node1" });
      const unknown = status?.conditions?.some(({ type, status }) => type === "Ready" && status === "Unknown");
      return unknown === true && spec?.taints?.length === 2 ? spec.taints : undefined;
    });
    expect(tainted.map(({ key, effect }) => `${key}:${effect}`)).toEqual([
      "node.kubernetes.io/unreachable:NoSchedule",
      "node.kubernetes.io/unreachable:NoExecute",
    ]);
  }, 120_000);
});
