// A lab at size: how soon nodes and pods are Ready, what they and the agents take, how soon all is gone. `make bench-lab`
// bun bench/lab.ts agents: only what is about agents.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import { processesIn } from "#lab/cgroup.ts";
import { askNodeAgent } from "#lab/world/agents.ts";
import { placesOf } from "#lab/world/places.ts";
import { groupOf, processesOf, TestLabs } from "#test/lab.ts";
import { loadManyPods } from "#test/many-pods.ts";
import { writeResults } from "./write-results.ts";

const rounds = 3;
const fewPods = 100;
const thousandPods = 1000;
/** 110 pods a node are what kubelets allow. */
const nodesOfThousand = 10;
/** What kubectl asks for when it is to print a table. */
const tableType = "application/json;as=Table;v=v1;g=meta.k8s.io";
const requests = 15;
const readyLimitMs = 300_000;
const megabyte = 1e6;
/** Of each node whose agent's memory is read, and of the one whose agent starts again. */
const podsOfIdle = 50;
const podsOfStart = 200;
/** After it an agent has nothing left to do for pods that came. */
const idleMs = 5_000;
/** USER_HZ, in which proc_pid_stat(5) counts. */
const ticksPerSecond = 100;

type Row = {
  readonly what: string;
  readonly unit: "s" | "MB" | "ms";
  /** The median where it was measured several times. */
  readonly value: number;
  readonly worst?: number;
  readonly goal?: number;
};

const rows: Row[] = [];

function row(what: string, unit: Row["unit"], values: readonly number[], goal?: number): void {
  const sorted = values.toSorted((a, b) => a - b);
  const worst = values.length > 1 ? { worst: rounded(sorted.at(-1) ?? Number.NaN) } : {};
  const found = { what, unit, value: rounded(sorted[sorted.length >> 1] ?? Number.NaN), ...worst };
  rows.push(goal === undefined ? found : { ...found, goal });
  console.log(`${what.padEnd(62)} ${String(found.value).padStart(8)} ${unit}`);
}

function rounded(value: number): number {
  return Number(value.toPrecision(3));
}

/** Seconds from starting a command to its end. */
function seconds(work: () => void): number {
  const startedAt = performance.now();
  work();
  return (performance.now() - startedAt) / 1000;
}

/** In megabytes: shared pages divided among those that share them (PSS), and counted for each (RSS). */
type Memory = { readonly pss: number; readonly rss: number };

/** Of all processes of a lab. */
function memoryOf(lab: string): Memory {
  return memoryOfAll(processesOf(lab));
}

function memoryOfAll(pids: readonly number[]): Memory {
  const texts = pids.map((pid) => readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"));
  const sum = (field: string) =>
    texts.reduce((total, text) => total + Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0), 0);
  return { pss: (sum("Pss") * 1024) / megabyte, rss: (sum("Rss") * 1024) / megabyte };
}

/** Processor seconds that the processes of a lab which still run have used, with their children that have ended. */
function processorSeconds(lab: string): number {
  // Fields 14 to 17.
  const ticks = processesOf(lab).map((pid) =>
    statOf(pid)
      .slice(11, 15)
      .reduce((sum, field) => sum + field, 0),
  );
  return ticks.reduce((sum, each) => sum + each, 0) / ticksPerSecond;
}

/** Fields of proc_pid_stat(5) from the third on: those behind the command's name, as numbers. */
function statOf(pid: number): readonly number[] {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  return stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
}

async function load(labs: TestLabs, lab: string, pods: number): Promise<number> {
  const startedAt = performance.now();
  await loadManyPods(labs, lab, pods, readyLimitMs);
  return (performance.now() - startedAt) / 1000;
}

async function measureHundred(labs: TestLabs): Promise<void> {
  const [ups, downs, downsFull]: readonly [number[], number[], number[]] = [[], [], []];
  const [readies, used, empty]: readonly [number[], number[], number[]] = [[], [], []];
  const memory: Memory[] = [];
  for (let round = 0; round < rounds; round++) {
    const lab = labs.name();
    ups.push(seconds(() => void labs.ok("up", lab)));
    empty.push(memoryOf(lab).pss);
    downs.push(seconds(() => void labs.ok("down", lab)));
    labs.ok("up", lab);
    const before = processorSeconds(lab);
    readies.push(await load(labs, lab, fewPods));
    used.push(processorSeconds(lab) - before);
    memory.push(memoryOf(lab));
    downsFull.push(seconds(() => void labs.ok("down", lab)));
  }
  row("three nodes with agents Ready, from the command", "s", ups, 4);
  row(`${fewPods} pods Ready, from the command that applies them`, "s", readies, 5);
  row("  processor time of the lab meanwhile", "s", used);
  row("memory of an empty lab, PSS", "MB", empty);
  row(
    `memory with ${fewPods} pods, PSS`,
    "MB",
    memory.map(({ pss }) => pss),
    400,
  );
  row(
    `memory with ${fewPods} pods, RSS`,
    "MB",
    memory.map(({ rss }) => rss),
  );
  row("down, an empty lab", "s", downs, 2);
  row(`down, with ${fewPods} pods`, "s", downsFull, 2);
}

async function measureThousand(labs: TestLabs): Promise<void> {
  const lab = labs.name();
  labs.ok("up", lab, "--nodes", String(nodesOfThousand));
  const before = processorSeconds(lab);
  row(`${thousandPods} pods on ${nodesOfThousand} nodes Ready`, "s", [await load(labs, lab, thousandPods)]);
  row("  processor time of the lab meanwhile", "s", [processorSeconds(lab) - before]);
  const { pss, rss } = memoryOf(lab);
  row(`memory with ${thousandPods} pods, PSS`, "MB", [pss]);
  row(`memory with ${thousandPods} pods, RSS`, "MB", [rss]);
  const { kubeconfig } = labs.status(lab);
  const tables: number[] = [];
  for (let i = 0; i < requests; i++) tables.push(await tableMs(kubeconfig));
  row(`table of ${thousandPods} pods, request to last byte`, "ms", tables, 300);
  const kubectl = () => Bun.spawnSync(["kubectl", "--kubeconfig", kubeconfig, "get", "pods"], { stdout: "pipe" });
  row(
    `kubectl get pods of ${thousandPods}, the whole command`,
    "s",
    Array.from({ length: rounds }, () => seconds(kubectl)),
  );
  row(`down, with ${thousandPods} pods`, "s", [seconds(() => void labs.ok("down", lab))]);
}

/** Milliseconds from the request to the last byte of all pods as kubectl's table, over a connection that is there. */
async function tableMs(kubeconfig: string): Promise<number> {
  const { server, certificateAuthority: ca, clientCertificate: cert, clientKey: key } = readKubeconfig(kubeconfig);
  const tls = {
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
  const startedAt = performance.now();
  const response = await fetch(`${server}/api/v1/namespaces/default/pods`, { headers: { accept: tableType }, tls });
  const { rows: pods } = (await response.json()) as { readonly rows: readonly unknown[] };
  if (pods.length !== thousandPods)
    throw new Error(`Cannot measure a table of ${thousandPods} pods: it has ${pods.length}`);
  return performance.now() - startedAt;
}

function agentsOf(lab: string, node: string): readonly number[] {
  return processesIn(join(groupOf(lab), "nodes", node, "agent"));
}

async function measureAgents(labs: TestLabs): Promise<void> {
  const three = labs.name();
  labs.ok("up", three);
  await load(labs, three, 3 * podsOfIdle);
  await Bun.sleep(idleMs);
  const memory = ["node1", "node2", "node3"].map((node) => memoryOfAll(agentsOf(three, node)));
  const what = `memory of an idle agent, ${podsOfIdle} pods on each of three nodes`;
  row(
    `${what}, RSS`,
    "MB",
    memory.map(({ rss }) => rss),
    90,
  );
  row(
    `${what}, PSS`,
    "MB",
    memory.map(({ pss }) => pss),
  );
  labs.ok("down", three);
  const one = labs.name();
  labs.ok("up", one, "--nodes", "1");
  await load(labs, one, podsOfStart);
  const starts: number[] = [];
  for (let round = 0; round < rounds; round++) starts.push(await agentStart(labs, one, "node1"));
  row(`an agent's start until it is ready, ${podsOfStart} pods present`, "s", starts, 1);
  labs.ok("down", one);
}

/** Kills a node's agent and has the lab start another: seconds from the start of its process until it says that it is ready. */
async function agentStart(labs: TestLabs, lab: string, node: string): Promise<number> {
  labs.ok("agent", "kill", "--lab", lab, node);
  const mended = labs.start("up", lab);
  const places = placesOf(lab, labs.folder);
  while ((await askNodeAgent(places, node))?.ready !== true) await Bun.sleep(2);
  const [pid = 0] = agentsOf(lab, node);
  const upSeconds = Number(readFileSync("/proc/uptime", "utf8").split(" ")[0]);
  await mended;
  // Field 22: when it was started, after the machine was.
  return upSeconds - (statOf(pid)[19] ?? 0) / ticksPerSecond;
}

await using labs = await TestLabs.open();
if (process.argv[2] !== "agents") {
  await measureHundred(labs);
  await measureThousand(labs);
}
await measureAgents(labs);
writeResults(process.argv[2] === "agents" ? "lab-agents" : "lab", { rows });
