// `twill lab probe`: who reaches whom, as a table.

import type { CommandIo, OutputFormat } from "#cli/command.ts";
import type { Pod } from "#kube/kinds.ts";
import { pods, services } from "#kube/resource.ts";
import { nodeAddresses } from "#lab/fabric/addresses.ts";
import { nodeStation } from "#lab/fabric/station.ts";
import { attemptsFrom, type Outcome, reportOf } from "#lab/probe/attempt.ts";
import {
  clientSource,
  type Destination,
  internetDestinations,
  nodeSource,
  podDestinations,
  podSource,
  type Source,
  serviceDestinations,
} from "#lab/probe/cast.ts";
import { readFullTables, readMaxNeighbours } from "#lab/probe/neighbours.ts";
import { type Round, type RunOptions, runProbe } from "#lab/probe/run.ts";
import { parseSelection } from "#lab/probe/selection.ts";
import { formatSummary, formatTables } from "#lab/probe/table.ts";
import { LabError, type LabSpec } from "#lab/spec.ts";
import type { Places } from "#lab/world/places.ts";
import { findContainer, stationTarget, type Target } from "#lab/world/pod-target.ts";
import { adminClient } from "#lab/world/ready.ts";
import { formatSeconds, openHost } from "./lab-host.ts";
import { openLab } from "./open-lab.ts";

type ProbeCall = {
  readonly flags: {
    readonly lab: string | undefined;
    readonly namespace: string | undefined;
    readonly from: string | undefined;
    readonly to: string | undefined;
    readonly tcp: boolean;
    readonly udp: boolean;
    readonly each: boolean;
    readonly timeout: number;
    readonly output: OutputFormat;
  };
};

/** Where nobody says how wide the terminal is. */
const defaultWidth = 100;
/** Whoever waits longer is told how far it is. */
const tellEveryMs = 1000;

export async function labProbe({ flags }: ProbeCall, io: CommandIo): Promise<number> {
  const { installation } = openHost(io);
  const { places, spec } = openLab(flags.lab, io);
  const startMs = performance.now();
  const { rounds, podsOf } = await planRounds(places, spec, flags);
  const total = rounds.reduce((sum, { attempts }) => sum + attempts.length, 0);
  if (total === 0) throw new LabError(`Cannot probe lab "${spec.name}": ${whyNothing(flags)}`);
  const fullBefore = readFullTables();
  let toldMs = startMs;
  const outcomes = await runProbe(rounds, {
    ...{ tool: installation.pod, timeoutMs: flags.timeout, podsOf, maxNeighbours: readMaxNeighbours() },
    progress: (done) => {
      if (performance.now() - toldMs < tellEveryMs) return;
      toldMs = performance.now();
      io.stderr(`${done} of ${total} connections tried\n`);
    },
  });
  if (flags.output === "json") io.stdout(`${JSON.stringify(outcomes.map(reportOf), undefined, 2)}\n`);
  else io.stdout(report(outcomes, flags.each, performance.now() - startMs));
  if (readFullTables() > fullBefore && outcomes.some(({ result }) => result !== "open")) io.stderr(tableWasFull());
  return 0;
}

/** The machine's own limit, which looks like a network that loses packets. */
function tableWasFull(): string {
  const kept = readMaxNeighbours();
  return `This machine had no room for more neighbours meanwhile: it keeps ${kept} for all labs together. Raise it with sysctl net.ipv4.neigh.default.gc_thresh3=${8 * kept}, and net.ipv6 likewise\n`;
}

function report(outcomes: readonly Outcome[], each: boolean, tookMs: number): string {
  const tables = formatTables(outcomes, { each, width: process.stdout.columns ?? defaultWidth });
  return `${tables}\n${formatSummary(outcomes)} (${formatSeconds(tookMs)})\n`;
}

type Plan = Pick<RunOptions, "podsOf"> & { readonly rounds: readonly Round[] };

async function planRounds(places: Places, spec: LabSpec, flags: ProbeCall["flags"]): Promise<Plan> {
  const client = adminClient(places);
  const selection = { namespace: flags.namespace };
  const [podList, serviceList] = await Promise.all([
    client.listAll(pods, selection),
    client.listAll(services, selection),
  ]);
  const running = podList.items.filter(({ status }) => status?.phase === "Running");
  const [firstNode] = spec.nodes.filter((node) => node.running);
  const nodeAddress = firstNode === undefined ? undefined : nodeAddresses(spec, firstNode)[0];
  const all = [
    // Between agents' nodes the switch knows no pods.
    ...running.flatMap((pod) => podDestinations(pod, spec.agents === undefined)),
    ...serviceList.items.flatMap((service) => serviceDestinations(service, nodeAddress)),
    ...internetDestinations(spec.family),
  ];
  const destinations = all.filter(wantedDestination(flags));
  const from = parseSelection(flags.from, flags.namespace);
  const sources = sourcesOf(places, spec, running);
  const podsOf = Map.groupBy(
    sources.filter(({ node }) => node !== undefined),
    ({ node = "" }) => node,
  );
  return {
    podsOf: new Map([...podsOf].map(([node, members]) => [node, members.map(({ pid }) => pid)])),
    rounds: sources
      .filter(({ source }) => from(source))
      .map(({ source, ...rest }) => ({ ...rest, attempts: attemptsFrom(source, destinations) })),
  };
}

function wantedDestination({ to, namespace, tcp, udp }: ProbeCall["flags"]): (destination: Destination) => boolean {
  const meant = parseSelection(to, namespace);
  // Neither named: both.
  const asked = { tcp: tcp || !udp, udp: udp || !tcp };
  return (destination) => asked[destination.protocol] && meant(destination);
}

type Caller = Target & { readonly source: Source; readonly node?: string };

/** Everybody with a process to call from; pods that share the node's network count as the node. */
function sourcesOf(places: Places, spec: LabSpec, running: readonly Pod[]): readonly Caller[] {
  const caller = (source: Source, target: Target | undefined, node?: string): readonly Caller[] =>
    target === undefined ? [] : [{ ...target, source, ...(node === undefined ? {} : { node }) }];
  return [
    ...running.flatMap((pod) => {
      const node = pod.spec?.hostNetwork === true ? undefined : pod.spec?.nodeName;
      return caller(podSource(pod), findContainer(places, pod), node);
    }),
    ...spec.nodes.flatMap(({ name }) => caller(nodeSource(name), stationTarget(places, nodeStation(name)))),
    ...caller(clientSource, stationTarget(places, "client")),
  ];
}

function whyNothing({ from, to, namespace }: ProbeCall["flags"]): string {
  const asked = [
    ...(from === undefined ? [] : [`--from ${from}`]),
    ...(to === undefined ? [] : [`--to ${to}`]),
    ...(namespace === undefined ? [] : [`--namespace ${namespace}`]),
  ];
  return asked.length === 0
    ? "nobody is there to call, load some pods with twill lab load"
    : `nobody is meant by ${asked.join(" and ")}; see kubectl get pods,services -A --show-labels`;
}
