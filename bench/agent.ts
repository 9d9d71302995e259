// Compares type `twill`, served by an agent, with the reference's bridge and host-local: bun bench/agent.ts [ROUNDS]
// Prints medians and ratios and writes bench/results/agent.json.

import { join } from "node:path";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { type Contestant, call, ownBin, reference } from "./contestant.ts";
import { Driver, percentile } from "./driver.ts";
import { addDel, printRows, type Row, row, writeResults } from "./rows.ts";

const script = new URL("../test/agent-process.ts", import.meta.url).pathname;
const startMs = 20_000;
const warmCalls = 300;
const crowdSize = 200;

const rounds = Number(process.argv[2] ?? 100);
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
  writeResults("agent", { rows, scale });
} finally {
  await driver[Symbol.asyncDispose]();
  box[Symbol.dispose]();
}

/** The agent has an API server in its own process. */
async function startAgent(): Promise<Contestant> {
  const folder = box.dir();
  const agent = box.start(node, [process.execPath, script, folder, "0"]);
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
async function compare(twill: Contestant) {
  const ipam = {
    type: "host-local",
    dataDir: box.dir(),
    ranges: [[{ subnet: "10.1.0.0/16" }], [{ subnet: "fd01::/64" }]],
  };
  const bridge = { cniVersion: "1.0.0", name: "ref0", type: "bridge", bridge: "ref0", isGateway: true, ipam };
  return await addDel({ driver, pods, rounds }, [
    { side: reference, conf: bridge },
    { side: twill, conf },
  ]);
}

/** A process that has been up for a while runs compiled code. */
async function warm(twill: Contestant): Promise<void> {
  for (let i = 0; i < warmCalls; i++) {
    const attach = { containerId: `w${i}`, netns: pods[i % pods.length]?.path ?? "" };
    await call(driver, twill, "ADD", attach, conf);
    await call(driver, twill, "DEL", attach, conf);
  }
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
