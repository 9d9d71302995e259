// The processes that a running lab shall have, from what is wanted of it.

import { join } from "node:path";
import { balancerBlocks, podBlock } from "#lab/fabric/addresses.ts";
import { nodeStation, type StationPath } from "#lab/fabric/station.ts";
import { delayedWays } from "#lab/fabric/wires.ts";
import { nodeConfigPath } from "#lab/node-config.ts";
import { familiesOf, type LabSpec } from "#lab/spec.ts";
import { accountNamespace } from "./credentials.ts";
import { type Installation, type NodePlaces, nodePlaces, operatorKubeconfig, type Places } from "./places.ts";

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

/** The control plane first. */
export function wantServices(spec: LabSpec, places: Places, { twill }: Installation): readonly Service[] {
  const { folder, control, cgroup } = places;
  const service = (station: StationPath, name: string, log: string, argv: readonly string[]): Service => ({
    ...{ name, station, cgroup: join(cgroup, station, name), log, argv: [twill, ...argv], enters: true },
  });
  const nodes = spec.nodes.filter(({ running }) => running);
  return [
    { ...service("control", "server", join(control, "log"), ["lab", "control", folder]), enters: false },
    ...(spec.agents === undefined
      ? []
      : [service("control", "operator", join(control, "operator.log"), operatorWords(spec, places))]),
    service("internet", "server", join(folder, "internet.log"), ["lab", "internet"]),
    ...(delayedWays(spec).length === 0
      ? []
      : [service("switch", "wires", join(folder, "wires.log"), ["lab", "wires", places.spec])]),
    ...nodes.flatMap(({ name, agent = twill }) => {
      const own = nodePlaces(places, name);
      const at = nodeStation(name);
      return [
        spec.agents === undefined
          ? service(at, "plugins", join(own.folder, "plugins.log"), ["plugins"])
          : { ...service(at, "agent", join(own.folder, "agent.log"), []), argv: [agent, ...agentWords(name, own)] },
        service(at, "kubelet", join(own.folder, "kubelet.log"), ["lab", "kubelet", nodeConfigPath(own.folder)]),
      ];
    }),
  ];
}

function agentWords(node: string, { agent }: NodePlaces): readonly string[] {
  const files = ["--kubeconfig", join(agent, "kubeconfig"), "--config", join(agent, "config.yaml")];
  return ["agent", "--node", node, ...files];
}

function operatorWords(spec: LabSpec, places: Places): readonly string[] {
  const ranges = familiesOf(spec.family).flatMap((each) => ["--cluster-cidr", podBlock[each]]);
  const pools = balancerBlocks(spec).flatMap((block) => ["--load-balancer-pool", block]);
  return ["operator", "--kubeconfig", operatorKubeconfig(places), "--namespace", accountNamespace, ...ranges, ...pools];
}
