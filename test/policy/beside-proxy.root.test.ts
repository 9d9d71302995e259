// Policies where the kernel translates services, as kube-proxy has it do: on the same node and between nodes, by pods' own addresses and
// through services. Who is asked sees who asks; who asks is judged by the service's address.

import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { services } from "#kube/resource.ts";
import { TestLabs } from "#test/lab.ts";
import { type Expectation, PolicyLab } from "./policy-lab.ts";

const namespace = "beside";
const port = 80;
const limitMs = 180_000;
/** On the server's node, and on the other one. */
const callers = ["near", "far"].map((name) => `${namespace}/${name}`);

let labs: TestLabs;
let lab: PolicyLab;
let pods: readonly string[];
let fronts: readonly string[];

beforeAll(async () => {
  labs = await TestLabs.open();
  lab = await PolicyLab.start(labs, 2, "--services", "proxy");
  const container = { name: "server", image: "server", ports: [{ containerPort: port }] };
  const pod = (name: string, nodeName: string) => ({
    ...{ apiVersion: "v1", kind: "Pod", metadata: { namespace, name, labels: { app: name } } },
    spec: { nodeName, containers: [container] },
  });
  lab.load([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    ...[pod("server", "node1"), pod("near", "node1"), pod("far", "node2")],
    {
      ...{ apiVersion: "v1", kind: "Service", metadata: { namespace, name: "server" } },
      spec: { selector: { app: "server" }, ipFamilyPolicy: "PreferDualStack", ports: [{ port }] },
    },
  ]);
  await lab.findPods();
  pods = ((await lab.pods()).get(`${namespace}/server`)?.status?.podIPs ?? []).map(({ ip = "" }) => ip);
  fronts = (await lab.client.get(services, { namespace, name: "server" })).spec?.clusterIPs ?? [];
  expect([pods.length, fronts.length]).toEqual([2, 2]);
}, limitMs);

afterAll(async () => await labs[Symbol.asyncDispose]());

beforeEach(() => lab.remove());

function connections(from: string, hosts: readonly string[], allowed: boolean): readonly Expectation[] {
  return hosts.map((host) => ({ from, host, port, protocol: "tcp", allowed }));
}

function about(app: string, rules: object) {
  return {
    ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace, name: app } },
    spec: { podSelector: { matchLabels: { app } }, ...rules },
  };
}

const selector = (app: string) => ({ podSelector: { matchLabels: { app } } });
const block = (host: string) => ({ ipBlock: { cidr: `${host}/${host.includes(":") ? 128 : 32}` } });

for (const friend of ["near", "far"]) {
  test(
    `a pod that lets in ${friend} lets in nobody else, however it is asked`,
    async () => {
      await lab.apply(about("server", { ingress: [{ from: [selector(friend)] }] }));
      await lab.settled();
      const asked = callers.flatMap((caller) =>
        connections(caller, [...pods, ...fronts], caller === `${namespace}/${friend}`),
      );
      expect(await lab.differences(asked)).toEqual([]);
    },
    limitMs,
  );
}

test(
  "a pod may ask a service whose address a block has, and no other way leads past its policies",
  async () => {
    for (const app of ["near", "far"])
      await lab.apply(about(app, { policyTypes: ["Egress"], egress: [{ to: fronts.map(block) }] }));
    await lab.settled();
    const asked = callers.flatMap((caller) => [
      ...connections(caller, fronts, true),
      ...connections(caller, pods, false),
    ]);
    expect(await lab.differences(asked)).toEqual([]);
    for (const app of ["near", "far"])
      await lab.apply(about(app, { policyTypes: ["Egress"], egress: [{ to: [selector("server")] }] }));
    await lab.settled();
    const turned = callers.flatMap((caller) => [
      ...connections(caller, fronts, false),
      ...connections(caller, pods, true),
    ]);
    expect(await lab.differences(turned)).toEqual([]);
  },
  limitMs,
);
