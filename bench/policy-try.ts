// The commands that look at all policies, on a folder of manifests of a large cluster: `bun bench/policy-try.ts [small]`
//
// Each runs as people call it, in a process of its own; its processor time tells more than the clock where the machine has other work.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { namespaceOf, podAt, podsPerNamespace, policyObjectAt } from "./policy-world.ts";
import { writeResults } from "./write-results.ts";

const small = process.argv[2] === "small";
const [pods, policies, rounds] = small ? [200, 20, 1] : [3_000, 300, 3];
const expectations = policies;
const namespaces = Math.ceil(pods / podsPerNamespace);
const nodes = 30;
const command = new URL("../src/cli/main.ts", import.meta.url).pathname;

function podObject(index: number, isOwned: boolean) {
  const { namespace, name, labels, addresses, ports } = podAt(index, { everywhere: false });
  const app = labels["app"] ?? "";
  const owner = { apiVersion: "apps/v1", kind: "StatefulSet", name: app, uid: app, controller: true };
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { namespace, name, labels, ...(isOwned ? { ownerReferences: [owner] } : {}) },
    spec: {
      nodeName: `node${index % nodes}`,
      containers: [{ name: "c", ports: ports.map((each) => ({ name: each.name, containerPort: each.port })) }],
    },
    status: { phase: "Running", podIPs: addresses.map((each) => ({ ip: each })) },
  };
}

/** `isOwned`: pods are of workloads, ten of each, rather than each by itself. */
function cluster(isOwned: boolean): object {
  const items = [
    ...Array.from({ length: pods }, (_, index) => podObject(index, isOwned)),
    ...Array.from({ length: policies }, (_, index) => policyObjectAt(index, namespaces)),
  ];
  return { apiVersion: "v1", kind: "List", items };
}

const meta = (name: string) => ({ name, namespace: namespaceOf(0) });
const aboutSome = {
  ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: meta("new") },
  spec: { podSelector: { matchLabels: { app: "app-3" } }, ingress: [{ from: [{ podSelector: {} }] }] },
};
const aboutAll = {
  ...{ apiVersion: "policy.networking.k8s.io/v1alpha2", kind: "ClusterNetworkPolicy", metadata: { name: "new" } },
  spec: {
    ...{ tier: "Admin", priority: 5, subject: { namespaces: {} } },
    ingress: [{ action: "Deny", from: [{ namespaces: { matchLabels: { "kubernetes.io/metadata.name": "ns-1" } } }] }],
  },
};
const expected = Array.from({ length: expectations }, (_, index) => ({
  from: `ns-${index % namespaces}/app-${index % 10}`,
  to: `ns-${(index * 7) % namespaces}/app-${(index * 3) % 10}:8080`,
  allowed: true,
}));

const folder = mkdtempSync(join(tmpdir(), "twill-bench-"));
function write(name: string, value: object): string {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(value));
  return file;
}

/** Of the quickest round, in seconds. */
function measure(...words: readonly string[]) {
  const times = Array.from({ length: rounds }, () => {
    const startedAt = performance.now();
    const ran = Bun.spawnSync([process.execPath, command, "policy", ...words], { stderr: "ignore" });
    if (ran.exitCode > 1) throw new Error(`twill policy ${words.join(" ")} ended with ${ran.exitCode}`);
    const { user, system } = ran.resourceUsage.cpuTime;
    return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: Number(user + system) / 1e6 };
  });
  return times.reduce((best, each) => (each.cpuSeconds < best.cpuSeconds ? each : best));
}

try {
  const [apart, owned] = [false, true].map((isOwned) => write(`owned-${isOwned}.json`, cluster(isOwned)));
  const [some, all] = [write("some.json", aboutSome), write("all.json", aboutAll)];
  const rows: readonly (readonly [what: string, words: readonly string[]])[] = [
    ["try a policy about ten pods", ["try", "-m", apart ?? "", "-f", some]],
    ["try a policy about every pod", ["try", "-m", apart ?? "", "-f", all]],
    ["matrix, pods of 300 workloads", ["matrix", "-m", owned ?? ""]],
    ["assert, 300 pairs of workloads", ["assert", "-m", owned ?? "", "-f", write("expected.json", expected)]],
  ];
  const results = rows.map(([what, words]) => {
    const figures = measure(...words);
    console.log(
      `${what.padEnd(32)} ${figures.seconds.toFixed(1)} s, ${figures.cpuSeconds.toFixed(1)} s of a processor`,
    );
    return { what, ...figures };
  });
  if (!small) writeResults("policy-try", { pods, policies, rows: results });
} finally {
  rmSync(folder, { recursive: true });
}
