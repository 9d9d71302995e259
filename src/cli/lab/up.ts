// `twill lab up`: starts a lab, or mends what is missing of one.

import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { FabricMode } from "#agent/fabric/want.ts";
import { messageOf } from "#base/error-message.ts";
import type { CommandIo } from "#cli/command.ts";
import { parseNetworkList } from "#cni/conflist.ts";
import type { KubeClient } from "#kube/client.ts";
import { isLiving, processesBelow, removeGroup } from "#lab/cgroup.ts";
import { LabError, type LabFamily, type LabSpec, type ServiceKind, type Underlay } from "#lab/spec.ts";
import { askNodeAgent } from "#lab/world/agents.ts";
import { type LabHost, mend, timed } from "#lab/world/lab.ts";
import { checkMemory } from "#lab/world/memory.ts";
import { type Places, placesOf } from "#lab/world/places.ts";
import { awaitService, isRunning } from "#lab/world/processes.ts";
import { adminClient, apiAnswers, namesAnswered, unreadyNodes } from "#lab/world/ready.ts";
import { choosePort, newSpec, nextSpec, type UpRequest } from "#lab/world/request.ts";
import { type Service, wantServices } from "#lab/world/services.ts";
import { forgetUnmade, lockLab, readState } from "#lab/world/state.ts";
import { formatSeconds, openHost } from "./lab-host.ts";
import { labNameOf } from "./which-lab.ts";

export type UpCall = {
  readonly args: { readonly name: string | undefined };
  readonly flags: {
    readonly nodes: number | undefined;
    readonly family: LabFamily | undefined;
    readonly underlay: Underlay | undefined;
    readonly services: ServiceKind | undefined;
    readonly cni: string | undefined;
    readonly plugins: boolean;
    readonly fabric: FabricMode | undefined;
    readonly port: number | undefined;
  };
};

export async function labUp({ args, flags }: UpCall, io: CommandIo): Promise<number> {
  const name = labNameOf(args.name, io);
  const host = openHost(io);
  const startMs = host.nowMs();
  const places = placesOf(name, host.stateRoot);
  const cni = flags.cni === undefined ? undefined : readConflist(flags.cni);
  using _ = await lockLab(places, host.sleep);
  const spec = await chooseSpec(host, places, { name, ...flags, cni }).catch((error: unknown) => {
    forgetUnmade(places);
    throw error;
  });
  const started = await mend(host, places, spec);
  await awaitReady(host, places, spec, started);
  const took = formatSeconds(host.nowMs() - startMs);
  const nodes = spec.nodes.filter(({ running }) => running).length;
  const what = started.length === 0 ? "was up already" : "is up";
  io.stdout(`lab "${name}" ${what}: ${nodes} nodes, ${spec.family}, ${spec.underlay} (${took})\n`);
  io.stdout(`export KUBECONFIG=${places.kubeconfig}\n`);
  return 0;
}

async function chooseSpec(host: LabHost, places: Places, request: UpRequest): Promise<LabSpec> {
  const before = readState(places);
  if (before === undefined) {
    if (processesBelow(places.cgroup).some(isLiving)) {
      throw new LabError(
        `Cannot start lab "${places.name}": processes of another one of that name run in ${places.cgroup}; end them with twill lab down ${places.name}, or choose another name`,
      );
    }
    const spec = newSpec(request, request.port ?? (await freePort(request.name)));
    checkMemory(spec.nodes.length, true);
    await requireFree(spec.port, "choose another with --port");
    return spec;
  }
  const spec = nextSpec(before, request);
  checkMemory(spec.nodes.length - before.nodes.length, false);
  const [control] = wantServices(spec, places, host.installation);
  if (control !== undefined && !isRunning(control)) {
    // Killed a moment ago, it may still hold the port.
    await removeGroup(control.cgroup, host.sleep);
    await requireFree(spec.port, `end who has it, or start the lab anew: twill lab down ${spec.name}`);
  }
  return spec;
}

const apiLimitMs = 30_000;
const nodesLimitMs = 40_000;
const namesLimitMs = 20_000;
const stepMs = 20;

/**
 * Waits until the API server answers, all running nodes are Ready, and names are answered. These it does not insist on: cluster DNS
 * is pods, which anybody may have changed.
 * @throws LabError
 */
export async function awaitReady(
  host: LabHost,
  places: Places,
  spec: LabSpec,
  started: readonly Service[],
): Promise<void> {
  const services = wantServices(spec, places, host.installation);
  const [control] = services;
  if (control === undefined) return;
  const client = adminClient(places);
  const wait = { limitMs: apiLimitMs, stepMs, sleep: host.sleep };
  await timed(host, "control plane", () => awaitService(control, () => apiAnswers(client), wait));
  const kubelets = services.filter(({ name }) => name === "kubelet");
  await timed(host, "nodes", async () => {
    for (const kubelet of kubelets) {
      const ready = async () => !(await unreadyNodes(client, places, spec, started)).includes(nodeOfService(kubelet));
      await awaitService(kubelet, ready, { ...wait, limitMs: nodesLimitMs });
    }
    // One that was started again beside a kubelet that went on: its node never stopped to be Ready.
    for (const agent of services.filter(({ name }) => name === "agent")) {
      const ready = async () => (await askNodeAgent(places, nodeOfService(agent)))?.ready === true;
      await awaitService(agent, ready, { ...wait, limitMs: nodesLimitMs });
    }
  });
  await timed(host, "names", () => untilNames(host, client, spec));
}

async function untilNames({ nowMs, sleep }: LabHost, client: KubeClient, spec: LabSpec): Promise<void> {
  const endMs = nowMs() + namesLimitMs;
  while (nowMs() < endMs && !(await namesAnswered(client, spec))) await sleep(stepMs);
}

function nodeOfService({ station }: Service): string {
  return station.replace(/^nodes\//, "");
}

function readConflist(path: string): string {
  try {
    return parseNetworkList(readFileSync(path, "utf8"), path).text;
  } catch (cause) {
    const problem = messageOf(cause);
    throw new LabError(`Cannot use ${path} as a conflist: ${problem.replace(`${path}: `, "")}`, { cause });
  }
}

async function freePort(name: string): Promise<number> {
  const taken = new Set<number>();
  for (;;) {
    const port = choosePort(name, (each) => !taken.has(each));
    if ((await listenProblem(port)) === undefined) return port;
    taken.add(port);
  }
}

async function requireFree(port: number, wayOut: string): Promise<void> {
  const problem = await listenProblem(port);
  if (problem === undefined) return;
  throw new LabError(`Cannot listen on 127.0.0.1:${port}: ${problem}; ${wayOut}`);
}

/** Why nobody can listen on a port of the loopback; undefined when it is free. */
async function listenProblem(port: number): Promise<string | undefined> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  server.once("error", (error) =>
    resolve("code" in error && error.code === "EADDRINUSE" ? "the port is in use" : error.message),
  );
  server.listen(port, "127.0.0.1", () => server.close(() => resolve(undefined)));
  return await promise;
}
