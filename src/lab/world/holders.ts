// Namespaces of the lab's stations: each is held by one small process, so that it lasts as long as that runs.

import { existsSync, mkdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { Netns } from "#kernel/netns.ts";
import { livingIn, removeGroup } from "#lab/cgroup.ts";
import { Stations } from "#lab/fabric/apply.ts";
import type { StationPath } from "#lab/fabric/station.ts";
import { launch, nameOfStation } from "./launch.ts";
import { holderGroup, type Installation, nodePlaces, type Places } from "./places.ts";

/** The process that holds a station's namespaces; undefined when there is none. */
export function holderOf(places: Pick<Places, "cgroup">, station: StationPath): number | undefined {
  return livingIn(holderGroup(places, station))[0];
}

/**
 * Starts the holders that are missing and returns which they were. What else still runs of such a station is in namespaces that nobody
 * finds any more: it is ended first, and started again as what a station without it lacks.
 * @throws LabError
 */
export async function startHolders(
  places: Places,
  installation: Installation,
  stations: readonly StationPath[],
  sleep: (ms: number) => Promise<void>,
): Promise<readonly StationPath[]> {
  const missing = stations.filter((station) => holderOf(places, station) === undefined);
  await Promise.all(
    missing.map(async (station) => {
      await removeGroup(join(places.cgroup, station), sleep);
      const name = nameOfStation(station);
      await launch(installation.pod, `the namespaces of ${name}`, {
        cgroup: holderGroup(places, station),
        options: ["--new", "net,mnt,uts", "--hostname", name, ...mountOptions(places, installation, station)],
        argv: [installation.pod, "pause"],
      });
    }),
  );
  return missing;
}

/** Opens all stations' namespaces. @throws LabError, KernelError */
export function openStations(places: Places, paths: readonly StationPath[]): Stations {
  using stack = new DisposableStack();
  const stations = stack.use(new Stations());
  for (const path of paths) {
    const pid = holderOf(places, path);
    if (pid === undefined) continue;
    stations.add(path, new Netns(`/proc/${pid}/ns/net`));
  }
  stack.move();
  return stations;
}

const cniBin = "/opt/cni/bin";
/** Where cgroup file systems are, of whatever version. */
const cgroups = "/sys/fs/cgroup";

/** What a station sees of files: its own network's /sys; a node moreover has folders of its own where those of the host are. */
function mountOptions(places: Places, installation: Installation, station: StationPath): readonly string[] {
  const sys = ["--mount", "sysfs:/sys", "--bind", `${cgroups}:${cgroups}`];
  const node = /^nodes\/(.*)$/.exec(station)?.[1];
  if (node === undefined) return sys;
  const { own, folder, layers, kubelet, pods } = nodePlaces(places, node);
  for (const [, each] of own) mkdirSync(each, { recursive: true });
  for (const each of [kubelet, pods, layers]) mkdirSync(each, { recursive: true });
  const binds = [...own, [cniBin, installation.plugins] as const];
  const layered = new Set(binds.filter(([inside]) => !existsSync(inside)).map(([inside]) => nearestFolder(inside)));
  return [
    ...sys,
    ...[...layered].flatMap((each) => ["--mount", layerOver(each, layers)]),
    ...binds.flatMap(([inside, outside]) => ["--bind", `${outside}:${inside}`]),
    // Where a lab had to mount it itself.
    ...(places.cgroup.startsWith(`${cgroups}/`)
      ? []
      : ["--bind", `${dirname(places.cgroup)}:${dirname(places.cgroup)}`]),
    // Below /run, which the node has its own of, but where both find it: processes of the node are told paths.
    ...["--bind", `${folder}:${folder}`],
  ];
}

/** The innermost folder of the host on the way to `path` that exists. */
function nearestFolder(path: string): string {
  const parent = dirname(path);
  return existsSync(parent) ? parent : nearestFolder(parent);
}

/** A writable layer over a folder of the host: mount points that it lacks are made there, and the host stays as it is. */
function layerOver(folder: string, layers: string): string {
  const name = folder.replaceAll("/", "_");
  const [upper, work] = [join(layers, `${name}.upper`), join(layers, `${name}.work`)];
  for (const each of [upper, work]) mkdirSync(each, { recursive: true });
  return `overlay:${folder}:lowerdir=${folder},upperdir=${upper},workdir=${work}`;
}
