// Policies that are wrong, as their author sees it: the API server refuses them and what was stays in force, or what is wrong matches
// nothing, the pod stays isolated, and the status of the policy or `twill policy lint` says what. Other policies do as they say.
// What an API server takes that Kubernetes would refuse is in src/agent/policy/bad-input.root.test.ts.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { runLint } from "#cli/policy/lint.ts";
import { TestLabs } from "#test/lab.ts";
import { type Expectation, PolicyLab } from "./policy-lab.ts";

const namespace = "shop";
const limitMs = 180_000;
const port = 80;
const manyPeers = 10_000;

let labs: TestLabs;
let lab: PolicyLab;

function podObject(name: string) {
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { namespace, name, labels: { app: name } } },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name, image: name, ports: [{ name: "web", containerPort: port }] }],
    },
  };
}

const from = (app: string) => ({ podSelector: { matchLabels: { app } } });

/** About the database: what else it says is up to a row. */
function aboutDb(name: string, ...ingress: readonly object[]) {
  return {
    ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace, name } },
    spec: { podSelector: { matchLabels: { app: "db" } }, policyTypes: ["Ingress"], ingress },
  };
}

function ofCluster(name: string, tier: string, action: string) {
  const pods = (app: string) => ({ pods: { namespaceSelector: {}, podSelector: { matchLabels: { app } } } });
  return {
    ...{ apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy", metadata: { name } },
    spec: { tier, priority: 7, subject: pods("db"), ingress: [{ action, from: [pods("web")] }] },
  };
}

/** Keeps who asks the database from names, which nobody can tell yet. */
const names = {
  ...{ apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy", metadata: { name: "names" } },
  spec: {
    ...{ tier: "Admin", priority: 7 },
    subject: { pods: { namespaceSelector: {}, podSelector: { matchLabels: { app: "cart" } } } },
    egress: [{ action: "Deny", to: [{ domainNames: ["*.example.org"] }] }],
  },
};

const blocks = Array.from({ length: manyPeers }, (_, index) => ({
  ipBlock: { cidr: `192.${index >> 8}.${index & 0xff}.0/24` },
}));

type Row = {
  readonly what: string;
  readonly policies: readonly object[];
  /** What the status of the policies says. */
  readonly status?: string;
  readonly lint?: string;
  /** Who reaches the database. */
  readonly reach?: readonly string[];
};

const place = "NetworkPolicy shop/wrong spec.ingress[0]";

const refused: readonly (readonly [what: string, rule: object, message: string])[] = [
  [
    "a block that cannot be read",
    { from: [{ ipBlock: { cidr: "10.0.0.0/99" } }] },
    'spec.ingress[0].from[0].ipBlock.cidr: Invalid value: "10.0.0.0/99"',
  ],
  [
    "a protocol that there is not",
    { ports: [{ protocol: "QUIC", port }] },
    'spec.ingress[0].ports[0].protocol: Unsupported value: "QUIC"',
  ],
  [
    "a range that ends before it begins",
    { ports: [{ port, endPort: port - 1 }] },
    "spec.ingress[0].ports[0].endPort: Invalid value: 79",
  ],
];

const rows: readonly Row[] = [
  {
    what: "a name of a port that no pod declares",
    policies: [aboutDb("wrong", { ports: [{ port: "nobody" }] }, { from: [from("cart")] })],
    ...{ status: `${place}.ports[0]: no pod declares a port "nobody"`, lint: "port-nobody", reach: ["shop/cart"] },
  },
  {
    what: `${manyPeers} peers`,
    policies: [aboutDb("wrong", { from: [...blocks, from("cart")] })],
    ...{ lint: "many-peers", reach: ["shop/cart"] },
  },
  {
    what: "another beside it that denies names of domains, which are not supported: that denies all",
    policies: [aboutDb("wrong", { from: [from("cart")] }), names],
    status: "ClusterNetworkPolicy names spec.egress[0].to[0]: names of domains are not supported: the rule denies all",
    lint: "misread",
  },
  {
    what: "two others that contradict each other at one priority: the first by name is asked first",
    policies: [aboutDb("wrong"), ofCluster("a", "Admin", "Deny"), ofCluster("b", "Admin", "Accept")],
    lint: "same-priority",
  },
  {
    what: "tiers around it that pass on to each other: it is asked in between, and nothing after the last one",
    policies: [aboutDb("wrong"), ofCluster("a", "Admin", "Pass"), ofCluster("b", "Baseline", "Pass")],
  },
];

beforeAll(async () => {
  labs = await TestLabs.open();
  lab = await PolicyLab.start(labs, 1);
  lab.load([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    ...["db", "web", "cart", "mail"].map(podObject),
  ]);
  await lab.findPods();
}, limitMs);

afterAll(async () => await labs[Symbol.asyncDispose]());

async function connections(to: string, callers: readonly string[], allowed: readonly string[]) {
  const pod = (await lab.pods()).get(`${namespace}/${to}`);
  return callers.flatMap((caller) =>
    (pod?.status?.podIPs ?? []).map(
      ({ ip = "" }): Expectation => ({
        ...{ from: caller, host: ip, port, protocol: "tcp", allowed: allowed.includes(caller) },
        title: `${to} ${ip}`,
      }),
    ),
  );
}

async function lintWords(): Promise<readonly string[]> {
  let text = "";
  const io = { stdout: (part: string) => (text += part), stderr: () => {}, env: new Map<string, string>() };
  const kubeconfig = join(labs.folder, lab.name, "control/admin.kubeconfig");
  await runLint({ flags: { file: [], namespace: [], manifests: [], kubeconfig, output: "json" } }, io);
  return (JSON.parse(text) as readonly { readonly rule: string }[]).map(({ rule }) => rule);
}

const right = {
  ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace, name: "right" } },
  spec: { podSelector: { matchLabels: { app: "mail" } }, ingress: [{ from: [from("web")] }] },
};

/** Whatever the row is about, the other policy does as it says. */
async function differences(reach: readonly string[]): Promise<readonly string[]> {
  const callers = ["shop/web", "shop/cart"];
  return await lab.differences([
    ...(await connections("db", callers, reach)),
    ...(await connections("mail", callers, ["shop/web"])),
  ]);
}

describe("a policy with", () => {
  for (const [what, rule, message] of refused) {
    test(
      `${what} is refused, and what was stays in force`,
      async () => {
        for (const object of [right, aboutDb("wrong")]) await lab.apply(object);
        await expect(lab.apply(aboutDb("wrong", rule))).rejects.toThrow(message);
        await lab.settled();
        expect(await differences([])).toEqual([]);
        await lab.remove();
      },
      limitMs,
    );
  }

  for (const { what, policies, status, lint, reach = [] } of rows) {
    test(
      what,
      async () => {
        for (const object of [right, ...policies]) await lab.apply(object as Parameters<PolicyLab["apply"]>[0]);
        await lab.settled();
        expect(await differences(reach)).toEqual([]);
        const states = (await lab.policiesOn("node1")).policies ?? [];
        const faults = states.flatMap((state) => state.faults).join();
        expect(faults.slice(0, status?.length)).toBe(status ?? "");
        const own = states.filter(({ policy }) => policy === "NetworkPolicy shop/wrong");
        expect(own).toMatchObject([{ pods: 1, inForce: 1 }]);
        if (lint !== undefined) expect(await lintWords()).toContain(lint);
        await lab.remove();
      },
      limitMs,
    );
  }
});
