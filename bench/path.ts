// Latency and throughput between pods, beside the same namespaces joined by the kernel alone. `bun bench/path.ts`

import { PathNode, type PathPod } from "#test/path-node.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { bareVeth } from "./bare-veth.ts";
import { writeResults } from "./write-results.ts";

/** Two places that talk, on one processor: there it is the path that is measured, not the scheduler's choice. */
type Way = { readonly name: string; readonly from: Netns; readonly to: Netns; readonly address: string };

const rounds = 5;
const seconds = 2;
const throughputSeconds = 3;
const port = 11_111;
const pinned = ["taskset", "-c", "0"];

/** Median round trip of small TCP messages, in microseconds. */
async function latency(box: Sandbox, { from, to, address }: Way): Promise<number> {
  const server = box.start(to, [...pinned, "sockperf", "server", "--tcp", "-i", address, "-p", String(port)]);
  await Bun.sleep(300);
  const client = box.sh(from, [
    ...pinned,
    "sockperf",
    "ping-pong",
    "--tcp",
    "-i",
    address,
    "-p",
    String(port),
    "-t",
    String(seconds),
  ]);
  server.kill();
  const half = /percentile 50\.000 =\s+([\d.]+)/.exec(client)?.[1];
  if (half === undefined) throw new Error(`sockperf said no median:\n${client}`);
  // It gives half of the round trip.
  return 2 * Number(half);
}

/** Gigabits a second of one TCP connection. */
async function throughput(box: Sandbox, { from, to, address }: Way): Promise<number> {
  const server = box.start(to, ["iperf3", "--server", "--one-off"]);
  await Bun.sleep(300);
  const json = box.sh(from, ["iperf3", "--client", address, "--time", String(throughputSeconds), "--json"]);
  await server.exited;
  const report = JSON.parse(json) as { readonly end: { readonly sum_received: { readonly bits_per_second: number } } };
  return report.end.sum_received.bits_per_second / 1e9;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

function wayOf(name: string, a: PathPod, b: PathPod): Way {
  return { name, from: a.netns, to: b.netns, address: b.address };
}

/** A vxlan device made by hand, its peer in a static entry. */
function handMadeTunnel(node: PathNode, other: PathNode): void {
  const macOf = (number: number) => `02:00:00:00:98:0${number}`;
  node.ip(`link add vx0 address ${macOf(node.number)} type vxlan id 7 dstport 4789 local ${node.address} nolearning`);
  node.ip("link set vx0 up");
  node.ip(`addr add 10.243.0.${node.number}/24 dev vx0`);
  node.ip(`neigh add 10.243.0.${other.number} lladdr ${macOf(other.number)} dev vx0`);
  node.sh("bridge", "fdb", "add", macOf(other.number), "dev", "vx0", "dst", other.address, "self");
  node.ip(`route add 10.244.${other.number}.0/24 via 10.243.0.${other.number} onlink dev vx0`);
}

using stack = new DisposableStack();
const box = stack.use(new Sandbox());
const node = (number: number, programs: boolean) => stack.use(new PathNode(box, number, { programs }));
const pairOf = (first: number, programs: boolean) => {
  const [a, b] = [node(first, programs), node(first + 1, programs)];
  a.connect(b);
  return [a, b] as const;
};

const local = node(1, true);
const routed = node(2, false);
const direct = pairOf(3, true);
const plain = pairOf(5, false);
const tunnel = pairOf(7, true);
const handMade = pairOf(9, false);
for (const [a, b] of [direct, plain]) {
  a.routeTo(b);
  b.routeTo(a);
}
tunnel[0].tunnelTo(tunnel[1]);
tunnel[1].tunnelTo(tunnel[0]);
handMadeTunnel(...handMade);
handMadeTunnel(handMade[1], handMade[0]);
const across = ([a, b]: readonly [PathNode, PathNode], name: string) => wayOf(name, a.addPod(), b.addPod());

const ways = {
  veth: { name: "veth", ...bareVeth(box) },
  local: wayOf("same node, twill", local.addPod(), local.addPod()),
  routed: wayOf("same node, kernel routing", routed.addPod(), routed.addPod()),
  direct: across(direct, "two nodes, twill direct"),
  plain: across(plain, "two nodes, kernel routing"),
  tunnel: across(tunnel, "two nodes, twill vxlan"),
  handMade: across(handMade, "two nodes, hand-made vxlan"),
} as const;

type Key = keyof typeof ways;
const keys = Object.keys(ways) as Key[];
const times = new Map<Key, number[]>(keys.map((key) => [key, []]));
const rates = new Map<Key, number[]>(keys.map((key) => [key, []]));
for (let round = 0; round < rounds; round++) {
  for (const key of keys) times.get(key)?.push(await latency(box, ways[key]));
}
for (let round = 0; round < 3; round++) {
  for (const key of keys) rates.get(key)?.push(await throughput(box, ways[key]));
}

const pairs: readonly (readonly [what: string, own: Key, against: Key, goal: number])[] = [
  ["same node, against a bare veth pair", "local", "veth", 1.1],
  ["two nodes direct, against kernel routing", "direct", "plain", 1.05],
  ["two nodes vxlan, against a hand-made one", "tunnel", "handMade", 1.05],
  ["kernel routing on one node, against a bare veth pair", "routed", "veth", Number.NaN],
];
const rows = pairs.map(([what, own, against, goal]) => {
  const [mine, theirs] = [own, against].map((key) => median(times.get(key) ?? [])) as [number, number];
  const [rate, theirRate] = [own, against].map((key) => median(rates.get(key) ?? [])) as [number, number];
  return { what, twillUs: mine, otherUs: theirs, ratio: mine / theirs, goal, twillGbps: rate, otherGbps: theirRate };
});
for (const { what, twillUs, otherUs, ratio, goal, twillGbps, otherGbps } of rows) {
  const wanted = Number.isNaN(goal) ? "" : ` (goal ${goal})`;
  console.log(
    `${what}: ${twillUs.toFixed(2)} µs and ${otherUs.toFixed(2)} µs, ratio ${ratio.toFixed(3)}${wanted}; ${twillGbps.toFixed(1)} and ${otherGbps.toFixed(1)} Gbit/s`,
  );
}
writeResults("path", { rounds, seconds, rows });
