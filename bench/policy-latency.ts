// How long a policy takes from the answer of the API server to being in force on all nodes of a lab. `bun bench/policy-latency.ts [small]`
//
// Three nodes, 300 pods of ten applications, which are not probed; policies are made and changed one after the other. Each agent says
// since when it has which form of a policy in force; all clocks are the machine's.

import { writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join } from "node:path";
import type { PoliciesMessage } from "#api/messages.ts";
import type { KubeClient } from "#kube/client.ts";
import type { NetworkPolicy } from "#kube/kinds.ts";
import { deployments, networkPolicies } from "#kube/resource.ts";
import { askNode } from "#lab/world/agents.ts";
import { placesOf } from "#lab/world/places.ts";
import { TestLabs, within } from "#test/lab.ts";
import { percentile } from "./driver.ts";
import { writeResults } from "./write-results.ts";

const small = process.argv[2] === "small";
const [apps, podsEach, standing, writes] = small ? [3, 2, 3, 6] : [10, 30, 20, 150];
const nodes = ["node1", "node2", "node3"];
const namespace = "default";
const readyLimitMs = 300_000;
const inForceLimitMs = 5_000;
/** Nobody asks the agents while they work. */
const quietMs = 100;
const goalsMs = { p50: 20, p99: 100 };

function manifest(): string {
  const items = Array.from({ length: apps }, (_, index) => {
    const labels = { app: `app-${index}` };
    const container = {
      ...{ name: "web", image: "example/web:1", ports: [{ name: "http", containerPort: 80 }] },
      resources: { requests: { cpu: "1m", memory: "1Mi" } },
    };
    const template = { metadata: { labels }, spec: { containers: [container], terminationGracePeriodSeconds: 0 } };
    const spec = { replicas: podsEach, selector: { matchLabels: labels }, template };
    return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: `app-${index}` }, spec };
  });
  return JSON.stringify({ apiVersion: "v1", kind: "List", items });
}

async function areReady(client: KubeClient): Promise<boolean> {
  const { items } = await client.list(deployments, { namespace });
  return items.length === apps && items.every(({ status }) => status?.readyReplicas === podsEach);
}

/** One application asks another; each form has another port. */
function policyOf(index: number, form: number) {
  const of = (app: number) => ({ matchLabels: { app: `app-${app % apps}` } });
  const from = [{ podSelector: of(index + 1) }, { ipBlock: { cidr: `192.0.2.${(index % 64) * 4}/30` } }];
  return {
    metadata: { namespace, name: `policy-${index}` },
    spec: {
      podSelector: of(index),
      policyTypes: ["Ingress"],
      ingress: [{ from, ports: [{ protocol: "TCP", port: 1024 + form }] }],
    },
  };
}

/** Milliseconds until the slowest node has it in force; before the answer of the API server: 0. */
async function write(client: KubeClient, index: number, form: number, ask: Asking): Promise<number> {
  const { metadata } = await client.apply(
    networkPolicies,
    policyOf(index, form) as Omit<NetworkPolicy, "apiVersion" | "kind">,
  );
  const answeredMs = performance.timeOrigin + performance.now();
  const id = `NetworkPolicy ${namespace}/${metadata.name}`;
  let slowestMs = 0;
  for (const node of nodes) {
    let sinceMs: number | undefined;
    await Bun.sleep(quietMs);
    const isInForce = async () => {
      const { policies } = await ask(node);
      const found = policies?.find(({ policy }) => policy === id);
      if (found === undefined || found.generation !== metadata.generation || found.since === null) return false;
      sinceMs = Date.parse(found.since);
      return found.pods === found.inForce;
    };
    if (!(await within(inForceLimitMs, isInForce))) throw new Error(`${id} is not in force on ${node}`);
    slowestMs = Math.max(slowestMs, (sinceMs ?? 0) - answeredMs);
  }
  return slowestMs;
}

/** Milliseconds from seeing a change to having it in force, as the agents count them: sum and number. */
function countedBy(node: string): readonly [sumMs: number, count: number] {
  const { stdout } = labs.inside(lab, node, "curl", "-s", "http://127.0.0.1:9878/metrics");
  const of = (field: string) =>
    Number(new RegExp(`^twill_policy_in_force_seconds_${field} (\\S+)$`, "m").exec(stdout)?.[1]);
  return [of("sum") * 1000, of("count")];
}

type Asking = (node: string) => Promise<PoliciesMessage>;

await using labs = await TestLabs.open();
const lab = labs.name();
labs.ok("up", lab, "--nodes", String(nodes.length));
const file = join(labs.folder, "apps.json");
writeFileSync(file, manifest());
labs.ok("load", "--lab", lab, file);
const client = labs.client(lab);
if (!(await within(readyLimitMs, () => areReady(client)))) throw new Error("The pods are not Ready");
const places = placesOf(lab, labs.folder);
const ask: Asking = (node) => askNode<PoliciesMessage>(places, node, "GET /v1/policies");
for (let index = 0; index < standing; index++) await write(client, index, 0, ask);
const samples: number[] = [];
for (let round = 0; round < writes; round++) {
  // Every third one is new.
  const index = round % 3 === 0 ? standing + round : round % standing;
  samples.push(await write(client, index, round, ask));
}
const counted = nodes.map(countedBy);
labs.ok("down", lab);
const [sumMs, count] = [0, 1].map((at) => counted.reduce((total, each) => total + (each[at] ?? 0), 0));
const agentMs = (sumMs ?? 0) / (count ?? 1);
const [p50, p99] = [percentile(samples, 0.5), percentile(samples, 0.99)];
const load = Number((loadavg()[0] ?? 0).toPrecision(3));
console.log(
  `in force on ${nodes.length} nodes, ${apps * podsEach} pods: p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; ${agentMs.toFixed(1)} ms of an agent each (load ${load})`,
);
if (!small) writeResults("policy-latency", { pods: apps * podsEach, writes, p50, p99, agentMs, goals: goalsMs });
