// `twill lab measure`: how fast two pods or nodes reach each other.

import type { CommandIo, OutputFormat } from "#cli/command.ts";
import { formatTable } from "#cli/table.ts";
import type { Pod } from "#kube/kinds.ts";
import { pods } from "#kube/resource.ts";
import { nodeAddresses } from "#lab/fabric/addresses.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import { podSource } from "#lab/probe/cast.ts";
import { measureSpeed, type Speed } from "#lab/probe/measure.ts";
import { LabError, type LabSpec } from "#lab/spec.ts";
import { askNodeAgent } from "#lab/world/agents.ts";
import type { Places } from "#lab/world/places.ts";
import { containerTarget, findPod, parsePodName, stationTarget, type Target } from "#lab/world/pod-target.ts";
import { adminClient } from "#lab/world/ready.ts";
import { type Ip, ip } from "#net/ip.ts";
import { openHost } from "./lab-host.ts";
import { openLab } from "./open-lab.ts";

type MeasureCall = {
  readonly args: { readonly from: string | undefined; readonly to: string | undefined };
  readonly flags: {
    readonly lab: string | undefined;
    readonly namespace: string;
    readonly time: number;
    readonly output: OutputFormat;
  };
};

/** A place that is measured from or to. */
type End = Target & { readonly name: string; readonly node: string; readonly address: Ip };
type Pair = { readonly from: End; readonly to: End };

export async function labMeasure({ args, flags }: MeasureCall, io: CommandIo): Promise<number> {
  const { installation } = openHost(io);
  const { places, spec } = openLab(flags.lab, io);
  const pairs = await pairsOf(places, spec, args, flags.namespace);
  const found: (Pair & Speed & { readonly way: string })[] = [];
  for (const pair of pairs) {
    const { pid: from, cgroup } = pair.from;
    const ends = { from, cgroup, to: pair.to.pid, host: pair.to.address };
    const speed = await measureSpeed(ends, { tool: installation.pod, timeMs: flags.time });
    found.push({ ...pair, ...speed, way: await wayOf(places, pair) });
  }
  if (flags.output === "json") {
    const rows = found.map(({ from, to, way, ...speed }) => ({ from: from.name, to: to.name, way, ...speed }));
    io.stdout(`${JSON.stringify(rows, undefined, 2)}\n`);
    return 0;
  }
  const rows = found.map(({ from, to, way, p50Us, p99Us, bitsPerSecond }) => [
    ...[from.name, to.name, way],
    `${p50Us.toFixed(1)} µs`,
    `${p99Us.toFixed(1)} µs`,
    `${(bitsPerSecond / 1e9).toFixed(1)} Gbit/s`,
  ]);
  io.stdout(formatTable([["FROM", "TO", "WAY", "ROUND TRIP", "99 OF 100", "ONE STREAM"], ...rows]));
  return 0;
}

async function pairsOf(
  places: Places,
  spec: LabSpec,
  { from, to }: MeasureCall["args"],
  namespace: string,
): Promise<readonly Pair[]> {
  if (from === undefined) return await usualPairs(places, namespace);
  if (to === undefined) throw new LabError(`Cannot measure from ${from} to nowhere: name another pod or node`);
  const ends = [await findEnd(places, spec, from, namespace), await findEnd(places, spec, to, namespace)] as const;
  return [{ from: ends[0], to: ends[1] }];
}

/** Two pods of one node, and two of different nodes, as far as there are any. */
async function usualPairs(places: Places, namespace: string): Promise<readonly Pair[]> {
  const { items } = await adminClient(places).listAll(pods, { namespace });
  const ends = items
    .filter(({ status, spec }) => status?.phase === "Running" && spec?.hostNetwork !== true)
    .map((pod) => podEnd(places, pod, namespace));
  const pairWhere = (isMeant: (from: End, to: End) => boolean): readonly Pair[] => {
    for (const from of ends) {
      const to = ends.find((each) => each !== from && isMeant(from, each));
      if (to !== undefined) return [{ from, to }];
    }
    return [];
  };
  const found = [...pairWhere((a, b) => a.node === b.node), ...pairWhere((a, b) => a.node !== b.node)];
  if (found.length > 0) return found;
  throw new LabError(
    `Cannot measure in namespace ${namespace}: it has not two pods that run; load some, or name two ends`,
  );
}

/** A node, or a pod as `[NAMESPACE/]POD`. @throws LabError when there is none of that name */
async function findEnd(places: Places, spec: LabSpec, name: string, namespace: string): Promise<End> {
  const node = spec.nodes.find((each) => each.name === name);
  const [address] = node === undefined ? [] : nodeAddresses(spec, node);
  if (address !== undefined) {
    const target = stationTarget(places, nodeStation(name));
    if (target === undefined) throw new LabError(`Cannot measure from or to node "${name}": it does not run`);
    return { ...target, name, node: name, address };
  }
  const pod = await findPod(places, parsePodName(name, namespace));
  if (pod === undefined)
    throw new LabError(`Cannot find "${name}": it is no node, and no pod of namespace ${namespace}`);
  return podEnd(places, pod, namespace);
}

/** Without the namespace in its name where that was asked for. @throws LabError when it does not run */
function podEnd(places: Places, pod: Pod, namespace: string): End {
  const target = containerTarget(places, pod);
  const { nodeName: node = "" } = pod.spec ?? {};
  const { short } = podSource(pod);
  const prefix = `${namespace}/`;
  const name = short.startsWith(prefix) ? short.slice(prefix.length) : short;
  return { ...target, name, node, address: ip(pod.status?.podIP ?? "") };
}

/** What is between both ends, in words. */
async function wayOf(places: Places, { from, to }: Pair): Promise<string> {
  if (from.node === to.node) return `within ${from.node}`;
  const status = await askNodeAgent(places, from.node);
  const peer = status?.peers.find(({ node }) => node === to.node);
  const how = peer === undefined || peer.way === "unknown" ? "" : `, ${peer.way}`;
  return `${from.node} to ${to.node}${how}`;
}
