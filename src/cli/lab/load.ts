// `twill lab load`: applies manifests, and waits until they run.

import type { CommandIo } from "#cli/command.ts";
import type { KubeClient } from "#kube/client.ts";
import { objectName } from "#kube/object.ts";
import { pods } from "#kube/resource.ts";
import { formatLoaded, type Loaded, loadManifests } from "#lab/manifests/load.ts";
import { parseManifests, readManifests } from "#lab/manifests/read.ts";
import { type Unready, unready } from "#lab/manifests/ready.ts";
import { readMaxNeighbours } from "#lab/probe/neighbours.ts";
import { LabError } from "#lab/spec.ts";
import { adminClient } from "#lab/world/ready.ts";
import { formatSeconds } from "./lab-host.ts";
import { openLab } from "./open-lab.ts";

type LoadCall = {
  readonly args: { readonly file: readonly string[] };
  readonly flags: {
    readonly lab: string | undefined;
    readonly namespace: string;
    readonly wait: boolean;
    readonly timeout: number;
  };
};

const pollMs = 50;
/** Whoever waits longer is told for what. */
const tellEveryMs = 1000;

export async function labLoad({ args: { file }, flags }: LoadCall, io: CommandIo): Promise<number> {
  const { places } = openLab(flags.lab, io);
  const startMs = performance.now();
  const manifests = [
    ...readManifests(file.filter((path) => path !== "-")),
    ...(file.includes("-") ? parseManifests(await Bun.stdin.text(), "standard input") : []),
  ];
  if (manifests.length === 0) throw new LabError(`Cannot load ${file.join(" and ")}: there is no object in it`);
  const client = adminClient(places);
  const loaded = await loadManifests(manifests, {
    ...{ client, namespace: flags.namespace, sleep: Bun.sleep },
    loaded: (each) => io.stdout(`${formatLoaded(each)}\n`),
  });
  if (!flags.wait) return 0;
  await awaitAll(client, loaded, flags.timeout, (line) => io.stdout(`${line}\n`));
  io.stdout(`all is ready (${formatSeconds(performance.now() - startMs)})\n`);
  return 0;
}

async function awaitAll(
  client: KubeClient,
  loaded: readonly Loaded[],
  limitMs: number,
  tell: (line: string) => void,
): Promise<void> {
  const startMs = performance.now();
  for (let toldMs = startMs; ; await Bun.sleep(pollMs)) {
    const missing = await unready(client, loaded);
    if (missing.length === 0) return;
    const nowMs = performance.now();
    if (nowMs - startMs >= limitMs) {
      const wayOut = (await neighbourProblem(client)) ?? "see kubectl get pods -A and kubectl describe";
      throw new LabError(`Cannot wait longer than ${limitMs / 1000} s: ${describe(missing)}; ${wayOut}`);
    }
    if (nowMs - toldMs < tellEveryMs) continue;
    const more = missing.length - 1;
    tell(`waiting for ${describe(missing.slice(0, 1))}${more === 0 ? "" : ` and ${more} more`}`);
    toldMs = nowMs;
  }
}

/** A pod that is probed is a neighbour of its node, and the node one of the pod. */
const neighboursPerPod = 2;

/** Why probes fail where there are more pods than the kernel, which is one for all nodes, keeps neighbours for. */
async function neighbourProblem(client: KubeClient): Promise<string | undefined> {
  const { items } = await client.listAll(pods);
  const needed = items.length * neighboursPerPod;
  const limit = readMaxNeighbours();
  if (needed < limit) return undefined;
  return `this machine keeps ${limit} neighbours, and ${items.length} pods have ${needed}: raise it with sysctl -w net.ipv4.neigh.default.gc_thresh3=${2 * needed}, and net.ipv6 likewise`;
}

/** `deployment shop/frontend (1 of 2 ready)` */
function describe(missing: readonly Unready[]): string {
  return missing
    .map(
      ({ object, ready, wanted }) => `${object.kind.toLowerCase()} ${objectName(object)} (${ready} of ${wanted} ready)`,
    )
    .join(", ");
}
