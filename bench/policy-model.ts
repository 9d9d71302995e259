// Policies resolved, without a kernel: how long all of it takes, how much memory, and what a change costs. `bun bench/policy-model.ts`
//
// Each measurement runs in a process of its own, so that none inherits another's memory.

import { Resolver } from "#model/policy/resolve/resolver.ts";
import { labelsOf, podAt, podsPerNamespace, policyAt } from "./policy-world.ts";
import { writeResults } from "./write-results.ts";

const changes = 1_000;
const changedNamespaces = 10;
const megabyte = 1e6;

type World = { readonly pods: number; readonly policies: number; readonly everywhere: boolean };

/** `labelMs`, of each change: processor time. */
type Figures = {
  readonly fullSeconds: number;
  readonly megabytes: number;
  readonly labelMs: number;
  readonly classes: number;
};

function fill(resolver: Resolver, world: World): void {
  const namespaces = Math.ceil(world.pods / podsPerNamespace);
  for (let index = 0; index < namespaces; index++) resolver.setNamespace(`ns-${index}`, labelsOf(index));
  for (let index = 0; index < world.pods; index++) resolver.setPod(`pod-${index}`, podAt(index, world));
  // A few have theirs in the namespaces whose pods change, whatever the cluster's size.
  const governed = world.policies > namespaces ? namespaces : changedNamespaces;
  for (let index = 0; index < world.policies; index++) {
    resolver.setPolicies(`policy-${index}`, [policyAt(index, governed)]);
  }
  resolver.resolve();
  // Whoever numbers classes and sets asks for their keys once.
  for (const { class: of } of resolver.takeChanges().choices) of.key.at(0);
}

function measure(world: World): Figures {
  Bun.gc(true);
  const before = process.memoryUsage.rss();
  const startedAt = performance.now();
  const resolver = new Resolver();
  fill(resolver, world);
  const fullSeconds = (performance.now() - startedAt) / 1000;
  const megabytes = (process.memoryUsage.rss() - before) / megabyte;
  const change = (round: number) => {
    for (let step = 0; step < changes; step++) {
      const index = (step * 997) % (changedNamespaces * podsPerNamespace);
      const tier = (step + round) % 2 === 0 ? "front" : "back";
      resolver.setPod(`pod-${index}`, podAt(index, world, { tier }));
      resolver.resolve();
      resolver.retire();
      resolver.takeChanges();
    }
  };
  change(0);
  Bun.gc(true);
  const used = process.cpuUsage();
  change(1);
  const { user, system } = process.cpuUsage(used);
  return { fullSeconds, megabytes, labelMs: (user + system) / 1000 / changes, classes: resolver.classCount };
}

const rows: readonly (readonly [what: string, world: World])[] = [
  ["1,000 pods, 500 policies", { pods: 1_000, policies: 500, everywhere: false }],
  ["10,000 pods, 500 policies", { pods: 10_000, policies: 500, everywhere: false }],
  ["100,000 pods, 500 policies", { pods: 100_000, policies: 500, everywhere: false }],
  ["100,000 pods, 10,000 policies", { pods: 100_000, policies: 10_000, everywhere: false }],
  ["the same, all pods on this node", { pods: 100_000, policies: 10_000, everywhere: true }],
];

function runAll(): void {
  const results = rows.map(([what], index) => {
    const { stdout } = Bun.spawnSync([process.execPath, import.meta.path, String(index)], { stderr: "inherit" });
    const figures = JSON.parse(stdout.toString()) as Figures;
    const { fullSeconds, megabytes, labelMs, classes } = figures;
    console.log(
      `${what.padEnd(34)} ${fullSeconds.toFixed(2)} s ${megabytes.toFixed(0).padStart(4)} MB ${labelMs.toFixed(3).padStart(7)} ms a label change ${classes} classes`,
    );
    return { what, ...figures };
  });
  writeResults("policy-model", { rows: results });
}

const [, , which] = process.argv;
if (which === undefined) runAll();
else {
  const world = rows[Number(which)]?.[1];
  if (world !== undefined) console.log(JSON.stringify(measure(world)));
}
