// Joins two containers by the plugins, shows the wiring and its time beside the reference's, and cleans up: make demo
// All of it happens in network namespaces and a folder of its own, so that two may run at once.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { type Attach, type Contestant, chain, ownBin, reference } from "../bench/contestant.ts";
import { Driver, percentile } from "../bench/driver.ts";
import { type Attached, type Comparison, drawTimes, drawWiring, paintFor, type Wiring } from "./demo-picture.ts";

type Plugins = readonly Readonly<Record<string, unknown>>[];

/** One node: where its plugins run, which they are, and where they keep their records. */
type Node = { readonly side: Contestant; readonly netns: Netns; readonly driver: Driver; readonly dir: string };

const executable = new URL("../dist/twill", import.meta.url).pathname;
const nodeAddress = "192.0.2.10"; // RFC 5737
const bridgeName = "twill0";
const hostPort = 8080;
const containerPort = 80;
const limitMbit = 100;
const downloadBytes = 4_000_000;
const rounds = 7;
const warmUp = 1;
/** The kernel takes removed links apart for some time after the call: that is no cost of the next call. */
const settleMs = 25;
const startMs = 3000;

const containerProgram = `
  const body = new Uint8Array(${downloadBytes});
  Bun.serve({ hostname: "0.0.0.0", port: ${containerPort}, fetch(request, server) {
    if (request.url.endsWith("/bytes")) return new Response(body);
    return new Response("hello from " + process.argv.at(-1) + ", asked by " + server.requestIP(request)?.address);
  } });
`;

const paint = paintFor(process.stdout.isTTY && !process.env["NO_COLOR"]);
const startedAt = performance.now();
const box = new Sandbox();

for (const [signal, number] of [
  ["SIGINT", 2],
  ["SIGTERM", 15],
  ["SIGHUP", 1],
] as const) {
  process.once(signal, () => {
    box[Symbol.dispose]();
    console.log("\nInterrupted. Removed all namespaces, processes and files of this run.");
    process.exit(128 + number);
  });
}

try {
  await demo();
} catch (error) {
  // Ctrl-C reaches the children too, and their end may be seen before the signal: let its handler go first.
  await Bun.sleep(50);
  console.error(`The demo failed: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  box[Symbol.dispose]();
}
if (process.exitCode === undefined || process.exitCode === 0) {
  say(`Removed all namespaces, processes and files of this run. Took ${seconds(performance.now() - startedAt)}.`);
}
process.exit();

async function demo(): Promise<void> {
  for (const [file, remedy] of [
    [executable, "make build"],
    [join(reference.bin, "bridge"), "make setup"],
  ] as const) {
    if (!existsSync(file)) throw new Error(`Cannot find ${file}: run ${remedy} first`);
  }
  say("Starting a node with the plugin service, and one with the reference plugins ...");
  const [own, other] = await Promise.all([startTwill(), startNode("ref", reference)]);
  await showWiring(own);
  await showTimes(other, own);
}

async function showWiring(node: Node): Promise<void> {
  const plugins = [...chainOf(node, "demo", bridgeName, "10.88.0.0/24")];
  const [web, client] = [box.netns("web"), box.netns("client")];
  const portMapping = withPort(plugins, hostPort);
  const added = [
    await chain(node.driver, node.side, { containerId: "web", netns: web.path }, portMapping),
    await chain(node.driver, node.side, { containerId: "client", netns: client.path }, plugins),
  ];
  const server = box.start(web, [process.execPath, "--eval", containerProgram, "web"]);
  const wiring: Wiring = {
    nodeAddress,
    bridge: { name: bridgeName, ...linkOf(node.netns, bridgeName) },
    containers: [
      attached(node.netns, "web", web, [{ hostPort, containerPort }]),
      attached(node.netns, "client", client, []),
    ],
  };
  console.log(`\n${drawWiring(wiring)}\n`);
  const url = `http://${nodeAddress}:${hostPort}/`;
  await waitFor(() => listens(web), "web", server.output);
  for (const [from, netns] of [
    ["node", node.netns],
    ["client", client],
  ] as const) {
    say(`${from.padEnd(6)} -> ${url}  "${get(netns, url, "await answer.text()")}"`);
  }
  const mbit = Number(get(client, `${url}bytes`, "(await answer.bytes()).length * 8e-3 / (performance.now() - start)"));
  say(`client <- ${downloadBytes / 1e6} MB at ${mbit.toFixed(0)} Mbit/s through a limit of ${limitMbit} Mbit/s`);
  server.kill();
  for (const { delMs } of added.reverse()) await delMs();
  const left = () => [node.netns, web, client].flatMap(links).filter((link) => link !== "lo" && link !== bridgeName);
  // DEL answers when the links are cut off and out of sight of the container; the service removes them right after.
  await waitFor(
    () => left().length === 0,
    "the links to go",
    () => `${left().join(", ")} stayed`,
  );
  say("DEL removed both containers' links and addresses; the bridge stays for the next ones.\n");
}

/** Attaches and detaches one container on both nodes in turn, so that what slows the machine slows both. */
async function showTimes(other: Node, own: Node): Promise<void> {
  say(`Timing bridge + host-local + portmap + bandwidth on both nodes, ${rounds} rounds ...`);
  const sides = [other, own].map((node, i) => ({
    node,
    pod: box.netns(`pod${i}`),
    plugins: withPort(chainOf(node, "timed", "timed0", "10.89.0.0/24"), hostPort),
    add: [] as number[],
    del: [] as number[],
  }));
  let toldAt = performance.now();
  for (let round = 0; round < rounds + warmUp; round++) {
    for (const { node, pod, plugins, add, del } of sides) {
      const attach: Attach = { containerId: `c${round}`, netns: pod.path };
      const { addMs, delMs } = await chain(node.driver, node.side, attach, plugins);
      await Bun.sleep(settleMs);
      const deletedMs = await delMs();
      await Bun.sleep(settleMs);
      if (round < warmUp) continue;
      add.push(addMs);
      del.push(deletedMs);
    }
    if (performance.now() - toldAt < 1000) continue;
    toldAt = performance.now();
    say(`  ${Math.max(0, round + 1 - warmUp)} of ${rounds} rounds`);
  }
  const row = (what: string, verb: "add" | "del"): Comparison => {
    const [referenceMs, twillMs] = sides.map((side) => percentile(side[verb], 0.5));
    return { what, referenceMs: referenceMs ?? Number.NaN, twillMs: twillMs ?? Number.NaN };
  };
  const times = [row("ADD, median of the whole chain", "add"), row("DEL, median of the whole chain", "del")];
  console.log(`\n${drawTimes(times, paint)}\n`);
}

async function startTwill(): Promise<Node> {
  const dir = memoryDir();
  const env = { TWILL_PLUGINS_SOCKET: join(dir, "plugins.sock"), TWILL_RUN_DIR: join(dir, "run") };
  const node = startNode("node", { name: "twill", bin: ownBin, env }, dir);
  const service = box.start(node.netns, [executable, "plugins"], { env });
  await waitFor(() => existsSync(env.TWILL_PLUGINS_SOCKET), "the plugin service", service.output);
  return node;
}

function startNode(label: string, side: Contestant, dir = memoryDir()): Node {
  const netns = box.netns(label);
  box.sh(netns, ["ip", "address", "add", `${nodeAddress}/32`, "dev", "lo"]);
  return { side, netns, driver: new Driver(box, netns), dir };
}

/** Records live in memory, as /run does on a real node. */
function memoryDir(): string {
  const dir = box.dir();
  const mounted = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=16m", "tmpfs", dir]);
  if (mounted.exitCode !== 0) throw new Error(`Cannot mount a tmpfs on ${dir}: ${mounted.stderr.toString().trim()}`);
  return dir;
}

function chainOf({ dir }: Node, name: string, bridge: string, subnet: string): Plugins {
  const rate = limitMbit * 1_000_000;
  const ipam = { type: "host-local", dataDir: dir, ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }] };
  const burst = rate / 100;
  return [
    { type: "bridge", bridge, isGateway: true, ipam },
    { type: "portmap", snat: true },
    { type: "bandwidth", ingressRate: rate, ingressBurst: burst, egressRate: rate, egressBurst: burst },
  ].map((plugin) => ({ cniVersion: "1.0.0", name, ...plugin }));
}

function withPort(plugins: Plugins, port: number): Plugins {
  const portMappings = [{ hostPort: port, containerPort, protocol: "tcp" }];
  return plugins.map((plugin) =>
    plugin["type"] === "portmap" ? { ...plugin, runtimeConfig: { portMappings } } : plugin,
  );
}

type IpLink = {
  readonly ifname: string;
  readonly ifindex: number;
  readonly link_index?: number;
  readonly address: string;
  readonly addr_info: readonly { readonly family: string; readonly local: string; readonly prefixlen: number }[];
};

/** What the kernel holds, told by ip: the picture must not repeat the plugins' own words. */
function ipLinks(netns: Netns): readonly IpLink[] {
  return JSON.parse(box.sh(netns, ["ip", "-j", "address"]));
}

function links(netns: Netns): readonly string[] {
  return ipLinks(netns).map(({ ifname }) => ifname);
}

function linkOf(netns: Netns, name: string): { readonly address: string; readonly mac: string; readonly peer: number } {
  const link = ipLinks(netns).find(({ ifname }) => ifname === name);
  if (link === undefined) throw new Error(`Cannot find link ${name} in ${netns.name}: ADD did not make it`);
  const inet = link.addr_info.find(({ family }) => family === "inet");
  const address = inet === undefined ? "no address" : `${inet.local}/${inet.prefixlen}`;
  return { address, mac: link.address, peer: link.link_index ?? 0 };
}

function attached(node: Netns, name: string, netns: Netns, ports: Attached["ports"]): Attached {
  const { address, mac, peer } = linkOf(netns, "eth0");
  const hostLink = ipLinks(node).find(({ ifindex }) => ifindex === peer)?.ifname ?? "no link";
  const limit = `${limitMbit} Mbit/s in, ${limitMbit} Mbit/s out`;
  return { name, netns: netns.name, address, mac, hostLink, ports, limit };
}

/** Asks from inside a namespace; `told` is an expression over `answer` and `start`. */
function get(netns: Netns, url: string, told: string): string {
  const program = `
    const start = performance.now();
    const answer = await fetch("${url}", { signal: AbortSignal.timeout(5000) });
    console.log(${told});
  `;
  return box.sh(netns, [process.execPath, "--eval", program]).trim();
}

function listens(netns: Netns): boolean {
  return box.sh(netns, ["ss", "-Hltn", `sport = :${containerPort}`]).trim() !== "";
}

async function waitFor(done: () => boolean, what: string, output = () => ""): Promise<void> {
  const giveUp = performance.now() + startMs;
  while (!done()) {
    if (performance.now() > giveUp) throw new Error(`Waited ${startMs} ms for ${what} in vain: ${output().trim()}`);
    await Bun.sleep(10);
  }
}

function say(line: string): void {
  console.log(line);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
