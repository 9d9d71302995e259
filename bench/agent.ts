// Compares type `twill`, served by an agent, with the reference's bridge and host-local: bun bench/agent.ts [ROUNDS] [PODS]
// Prints medians and ratios and writes bench/results/agent.json.

import { join } from "node:path";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { type Contestant, call, ownBin, reference } from "./contestant.ts";
import { timeCrowd } from "./crowd.ts";
import { Driver, percentile } from "./driver.ts";
import { addDel, printRows, type Row, row } from "./rows.ts";
import { writeResults } from "./write-results.ts";

const script = new URL("../test/agent-process.ts", import.meta.url).pathname;
const startMs = 20_000;
const warmCalls = 300;
/** Removed links are gone after it. */
const removalMs = 500;
const crowdSize = 500;
/** A bridge of the kernel has 1,024 ports at most. */
const manyPods = 1000;
/** Room for all of them. */
const block = "10.244.0.0/20";

const rounds = Number(process.argv[2] ?? 100);
const manySize = Number(process.argv[3] ?? manyPods);
const conf = { cniVersion: "1.0.0", name: "twill", type: "twill" };
const box = new Sandbox();
const node = box.netns("node");
box.sh(node, ["ip", "address", "add", "172.30.0.11/32", "dev", "lo"]);
const pods = Array.from({ length: 8 }, (_, i) => box.netns(`pod${i}`));
const driver = new Driver(box, node);
try {
  const twill = await startAgent();
  await warm(twill);
  const { add, del } = await compare(twill);
  const alone = await addsOf(twill);
  const crowd = await addCrowd(twill);
  const crowded = await addsOf(twill);
  const rows: Row[] = [
    row("type twill ADD, both families", 0.12, add),
    row("type twill DEL, both families", 0.03, del),
  ];
  printRows(rows);
  const scale = { pods: crowd.length, ratio: percentile(crowded, 0.5) / percentile(alone, 0.5), goal: 1.15 };
  console.log(`ADD with ${scale.pods} pods present, against none: ${scale.ratio.toFixed(3)} (goal ${scale.goal})`);
  for (const [i, { path }] of crowd.entries()) {
    await call(driver, twill, "DEL", { containerId: `x${i}`, netns: path }, conf);
  }
  const many = await compareCrowds(twill);
  printCrowd(many);
  writeResults("agent", { rows, scale, many });
} finally {
  await driver[Symbol.asyncDispose]();
  box[Symbol.dispose]();
}

/** The agent has an API server in its own process. */
async function startAgent(): Promise<Contestant> {
  const folder = box.dir();
  const agent = box.start(node, [process.execPath, script, folder, "0", block]);
  for (const end = Date.now() + startMs; !agent.output().includes("ready\n"); await Bun.sleep(10)) {
    if (Date.now() > end) throw new Error(`The agent does not start: ${agent.output()}`);
  }
  return {
    name: "twill",
    bin: ownBin,
    env: { TWILL_PLUGINS_SOCKET: join(folder, "plugins.sock"), TWILL_DELETES: folder },
  };
}

/** The reference gives an address of each family too. */
function bridgeConf(name: string, number: number) {
  const ranges = [[{ subnet: `10.${number}.0.0/16` }], [{ subnet: `fd0${number}::/64` }]];
  const ipam = { type: "host-local", dataDir: box.dir(), ranges };
  return { cniVersion: "1.0.0", name, type: "bridge", bridge: name, isGateway: true, ipam };
}

async function compare(twill: Contestant) {
  return await addDel({ driver, pods, rounds }, [
    { side: reference, conf: bridgeConf("ref0", 1) },
    { side: twill, conf },
  ]);
}

/** All wired by one side and removed again, then by the other. */
async function compareCrowds(twill: Contestant) {
  const ground = { box, node, pods: Array.from({ length: manySize }, (_, i) => box.netns(`many${i}`)) };
  const of = await timeCrowd(ground, reference, bridgeConf("ref1", 2));
  const own = await timeCrowd(ground, twill, conf);
  return {
    pods: manySize,
    add: { referenceMs: of.addMs, twillMs: own.addMs, ratio: own.addMs / of.addMs, goal: 0.2 },
    del: { referenceMs: of.delMs, twillMs: own.delMs, ratio: own.delMs / of.delMs, goal: 0.05 },
  };
}

function printCrowd({ pods: count, add, del }: Awaited<ReturnType<typeof compareCrowds>>): void {
  for (const [what, { referenceMs, twillMs, ratio, goal }] of [
    ["wired", add],
    ["removed", del],
  ] as const) {
    const seconds = `${(referenceMs / 1000).toFixed(2)} s and ${(twillMs / 1000).toFixed(2)} s`;
    console.log(`${count} pods ${what}, 8 calls at a time: ${seconds}, ratio ${ratio.toFixed(3)} (goal ${goal})`);
  }
}

/** A process that has been up for a while runs compiled code. */
async function warm(twill: Contestant): Promise<void> {
  for (let i = 0; i < warmCalls; i++) {
    const attach = { containerId: `w${i}`, netns: pods[i % pods.length]?.path ?? "" };
    await call(driver, twill, "ADD", attach, conf);
    await call(driver, twill, "DEL", attach, conf);
  }
  await Bun.sleep(removalMs);
}

async function addsOf(twill: Contestant): Promise<readonly number[]> {
  const { add } = await addDel({ driver, pods, rounds }, [{ side: twill, conf }]);
  return add[0] ?? [];
}

async function addCrowd(twill: Contestant): Promise<readonly Netns[]> {
  const crowd = Array.from({ length: crowdSize }, (_, i) => box.netns(`crowd${i}`));
  for (const [i, { path }] of crowd.entries())
    await call(driver, twill, "ADD", { containerId: `x${i}`, netns: path }, conf);
  return crowd;
}
