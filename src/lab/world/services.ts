// The processes that a running lab shall have, from what is wanted of it.

import { join } from "node:path";
import { nodeStation, type StationPath } from "#lab/fabric/station.ts";
import { delayedWays } from "#lab/fabric/wires.ts";
import { nodeConfigPath } from "#lab/node-config.ts";
import type { LabSpec } from "#lab/spec.ts";
import { type Installation, nodePlaces, type Places } from "./places.ts";

export type Service = {
  /** As status shows it: `kubelet`. */
  readonly name: string;
  readonly station: StationPath;
  readonly cgroup: string;
  readonly log: string;
  readonly argv: readonly string[];
  /** Whether it runs in the station's namespaces from its start; the control plane enters them by itself. */
  readonly enters: boolean;
};

export function wantServices(spec: LabSpec, places: Places, { twill }: Installation): readonly Service[] {
  const { folder, control, cgroup } = places;
  const service = (station: StationPath, name: string, log: string, argv: readonly string[]): Service => ({
    ...{ name, station, cgroup: join(cgroup, station, name), log, argv: [twill, ...argv], enters: true },
  });
  const nodes = spec.nodes.filter(({ running }) => running).map(({ name }) => name);
  return [
    { ...service("control", "server", join(control, "log"), ["lab", "control", folder]), enters: false },
    service("internet", "server", join(folder, "internet.log"), ["lab", "internet"]),
    ...(delayedWays(spec).length === 0
      ? []
      : [service("switch", "wires", join(folder, "wires.log"), ["lab", "wires", places.spec])]),
    ...nodes.flatMap((node) => {
      const own = nodePlaces(places, node);
      const at = nodeStation(node);
      return [
        service(at, "plugins", join(own.folder, "plugins.log"), ["plugins"]),
        service(at, "kubelet", join(own.folder, "kubelet.log"), ["lab", "kubelet", nodeConfigPath(own.folder)]),
      ];
    }),
  ];
}
