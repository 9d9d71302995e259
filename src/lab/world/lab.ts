// A whole lab: made and mended by `up`, taken away by `down`.

import { existsSync, mkdirSync, renameSync, rmdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { ensureCgroupMount, removeCgroupMount } from "#kernel/cgroup-mount.ts";
import { isErrno } from "#kernel/errno.ts";
import { Nftables } from "#kernel/nftables.ts";
import { removeGroup } from "#lab/cgroup.ts";
import { applyFabric } from "#lab/fabric/apply.ts";
import { awaitCarrier } from "#lab/fabric/carrier.ts";
import { masqueradeText, noDelaysText, wiresText } from "#lab/fabric/rules.ts";
import { wantFabric } from "#lab/fabric/want.ts";
import { LabError, type LabSpec } from "#lab/spec.ts";
import { ensureCredentials } from "./credentials.ts";
import { holderOf, openStations, startHolders } from "./holders.ts";
import { prepareNodes } from "./nodes.ts";
import { type Installation, ownCgroupMount, type Places } from "./places.ts";
import { awaitService, isRunning, startServices } from "./processes.ts";
import { type Service, wantServices } from "./services.ts";
import { labNames, writeState } from "./state.ts";

/** What the lab's commands use of the process that they run in. */
export type LabHost = {
  readonly stateRoot: string;
  readonly installation: Installation;
  readonly sleep: (ms: number) => Promise<void>;
  /** Milliseconds of a clock that never jumps, for how long steps take. */
  readonly nowMs: () => number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  readonly random: (bytes: Uint8Array) => Uint8Array;
  /** Told of every step that is done, and of how long it took. */
  readonly progress: (step: string, tookMs: number) => void;
};

/**
 * Makes everything that the lab lacks, and nothing twice. The state folder is locked by the caller.
 * Returns the services that it started.
 * @throws LabError, KernelError
 */
export async function mend(host: LabHost, places: Places, spec: LabSpec): Promise<readonly Service[]> {
  const { installation, sleep } = host;
  writeState(places, spec);
  ensureCgroupMount(ownCgroupMount(host.stateRoot));
  makeGroup(places.cgroup);
  const want = wantFabric(spec);
  const paths = want.map(({ path }) => path);
  const services = wantServices(spec, places, installation);
  prepareNodes(places, spec);
  ensureCredentials(host, places, spec);
  await timed(host, "namespaces", () => startHolders(places, installation, paths, sleep));
  // The control plane needs the longest, and nothing but its namespace.
  const [early, later] = [services.slice(0, 1), services.slice(1)];
  const control = await startServices(places, installation, early, sleep);
  await timed(host, "network", async () => {
    using stations = openStations(places, paths);
    const done = applyFabric(want, stations);
    // Rules for a port go with it, and who keeps its frames back holds a port that is gone.
    if (done.some(({ do: verb }) => verb === "add-link")) await removeGroup(wiresGroup(places), sleep);
    using nft = new Nftables(stations.of("switch").netns);
    const delays = isRunning({ cgroup: wiresGroup(places) }) ? "" : noDelaysText;
    nft.runText(masqueradeText(spec) + wiresText(spec) + delays);
    if (done.length > 0) await awaitCarrier(stations, want, sleep);
  });
  const rest = await startServices(places, installation, later, sleep);
  await awaitWires(host, places, services);
  return [...control, ...rest];
}

const maxTries = 10;

/** The lab's group; the one above it may be taken away meanwhile, by the end of the last other lab. */
function makeGroup(cgroup: string): void {
  for (let tries = 1; ; tries++) {
    try {
      mkdirSync(cgroup, { recursive: true });
      return;
    } catch (error) {
      if (!isErrno(error, "ENOENT") || tries === maxTries) throw error;
    }
  }
}

/** Runs one step and tells how long it took. */
export async function timed<T>(
  { nowMs, progress }: Pick<LabHost, "nowMs" | "progress">,
  step: string,
  run: () => Promise<T>,
): Promise<T> {
  const startMs = nowMs();
  const result = await run();
  progress(step, nowMs() - startMs);
  return result;
}

/** Makes the wires as `spec` has them. @throws LabError, KernelError */
export async function applyWires(host: LabHost, places: Places, spec: LabSpec): Promise<void> {
  const group = wiresGroup(places);
  writeState(places, spec);
  // It keeps back what it was told when it started.
  await removeGroup(group, host.sleep);
  {
    using stations = openStations(places, ["switch"]);
    using nft = new Nftables(stations.of("switch").netns);
    nft.runText(wiresText(spec) + noDelaysText);
  }
  const services = wantServices(spec, places, host.installation);
  await startServices(
    places,
    host.installation,
    services.filter(({ cgroup }) => cgroup === group),
    host.sleep,
  );
  await awaitWires(host, places, services);
}

function wiresGroup({ cgroup }: Places): string {
  return join(cgroup, "switch", "wires");
}

const wiresLimitMs = 10_000;
const wiresStepMs = 5;

/** Until the frames of delayed wires are kept back, if any are. */
async function awaitWires({ sleep }: LabHost, places: Places, services: readonly Service[]): Promise<void> {
  const service = services.find(({ cgroup }) => cgroup === wiresGroup(places));
  if (service === undefined) return;
  const ready = async () => {
    using stations = openStations(places, ["switch"]);
    using nft = new Nftables(stations.of("switch").netns);
    return nft.list({ chains: { family: "netdev" } }).some((each) => "chain" in each);
  };
  await awaitService(service, ready, { limitMs: wiresLimitMs, stepMs: wiresStepMs, sleep });
}

/** Whether anything is left of a lab: its folder, or processes. */
export function exists({ folder, cgroup }: Places): boolean {
  return existsSync(folder) || existsSync(cgroup);
}

/** Ends and removes everything of a lab, whatever is left of it. @throws LabError when processes do not go */
export async function remove({ folder, cgroup }: Places, sleep: LabHost["sleep"]): Promise<void> {
  await removeGroup(cgroup, sleep);
  const stateRoot = dirname(folder);
  const gone = join(stateRoot, `.${basename(folder)}.gone`);
  // At once, lock and all: who waits for the lock makes a folder of its own, which is not this one's to remove.
  rmSync(gone, { recursive: true, force: true });
  if (existsSync(folder)) renameSync(folder, gone);
  rmSync(gone, { recursive: true, force: true });
  removeEmpty(dirname(cgroup));
  if (labNames(stateRoot).length === 0) removeCgroupMount(ownCgroupMount(stateRoot));
  removeEmpty(stateRoot);
}

/** Removes what no other lab is in. */
function removeEmpty(folder: string): void {
  try {
    rmdirSync(folder);
  } catch (error) {
    if (!isErrno(error, "ENOTEMPTY", "EBUSY", "EEXIST", "ENOENT")) throw error;
  }
}

/** @throws LabError unless the lab is up. */
export function requireUp(places: Places, spec: LabSpec | undefined): LabSpec {
  if (spec === undefined) {
    throw new LabError(`Cannot find lab "${places.name}": start it with twill lab up ${places.name}`);
  }
  if (holderOf(places, "switch") === undefined) {
    throw new LabError(`Cannot use lab "${places.name}": it does not run, mend it with twill lab up ${places.name}`);
  }
  return spec;
}
