// From what `up` is asked for, and what there is already, to what is wanted of the lab.

import type { FabricMode } from "#agent/fabric/want.ts";
import {
  LabError,
  type LabFamily,
  type LabSpec,
  maxNodes,
  type ServiceKind,
  type Underlay,
  withMoreNodes,
} from "#lab/spec.ts";

export type UpRequest = {
  readonly name: string;
  readonly nodes: number | undefined;
  readonly family: LabFamily | undefined;
  readonly underlay: Underlay | undefined;
  readonly services: ServiceKind | undefined;
  /** The text of a conflist. */
  readonly cni: string | undefined;
  /** Whether the nodes run the standard plugins instead of Twill's agent. */
  readonly plugins: boolean;
  /** Of agents only. */
  readonly fabric: FabricMode | undefined;
  readonly port: number | undefined;
};

const defaultNodes = 3;

/** A new lab. `freePort` is asked for when none is given. @throws LabError */
export function newSpec(request: UpRequest, port: number): LabSpec {
  const { name, nodes = defaultNodes, family = "ipv4", underlay = "l2", cni } = request;
  requireCount(nodes);
  const agents = agentsOf(request, underlay);
  const { services = agents === undefined ? "proxy" : "agent" } = request;
  if (services === "agent" && agents === undefined) {
    throw new LabError(`Cannot make lab "${name}": services of agents need agents, leave out --plugins and --cni`);
  }
  return { name, family, underlay, services, port, cni, agents, nodes: withMoreNodes([], nodes), wires: [] };
}

function requireCount(nodes: number): void {
  if (nodes >= 1 && nodes <= maxNodes) return;
  throw new LabError(`Cannot make a lab of ${nodes} nodes: it has 1 to ${maxNodes}`);
}

/** A conflist of one's own is for the plugins that it names. */
function agentsOf({ name, plugins, fabric, cni }: UpRequest, underlay: Underlay): LabSpec["agents"] {
  if (plugins || cni !== undefined) {
    if (fabric === undefined) return undefined;
    throw new LabError(`Cannot make lab "${name}": the fabric is the agents', leave out --plugins and --cni`);
  }
  if (fabric === "direct" && underlay === "l3") {
    throw new LabError(
      `Cannot make lab "${name}": fabric direct needs nodes on one link, with underlay l3 use fabric auto or vxlan`,
    );
  }
  return { fabric: fabric ?? "auto" };
}

/** A lab that is there, as it was wanted before: more nodes may be asked for, nothing else can change. @throws LabError */
export function nextSpec(spec: LabSpec, request: UpRequest): LabSpec {
  for (const field of ["family", "underlay", "services", "port", "cni"] as const) {
    const [asked, now] = [request[field], spec[field]];
    if (asked === undefined || asked === now) continue;
    const difference = field === "cni" ? "another network configuration" : `${field} ${now}, not ${asked}`;
    throw new LabError(`Cannot change lab "${spec.name}": it has ${difference}; take it down first, or name another`);
  }
  requireSameAgents(spec, request);
  const { nodes = spec.nodes.length } = request;
  if (nodes < spec.nodes.length) {
    throw new LabError(
      `Cannot make lab "${spec.name}" smaller: it has ${spec.nodes.length} nodes; remove some with twill lab node remove`,
    );
  }
  return { ...spec, nodes: withMoreNodes(spec.nodes, nodes - spec.nodes.length) };
}

function requireSameAgents({ name, agents }: LabSpec, { plugins, fabric }: UpRequest): void {
  const same = !(plugins && agents !== undefined) && (fabric === undefined || fabric === agents?.fabric);
  if (same) return;
  const difference =
    agents === undefined ? "no agents" : plugins ? "agents" : `agents with fabric ${agents.fabric}, not ${fabric}`;
  throw new LabError(`Cannot change lab "${name}": it has ${difference}; take it down first, or name another`);
}

const firstPort = 20_000;
const ports = 10_000;
const maxTries = 100;

/** A port that follows from the lab's name, so that it stays the same from one `up` to the next; the next one when it is taken. */
export function choosePort(name: string, isFree: (port: number) => boolean): number {
  let hash = 0;
  for (const byte of new TextEncoder().encode(name)) hash = (hash * 31 + byte) % ports;
  for (let i = 0; i < maxTries; i++) {
    const port = firstPort + ((hash + i) % ports);
    if (isFree(port)) return port;
  }
  throw new LabError(`Cannot find a free port on 127.0.0.1 near ${firstPort + hash}: name one with --port`);
}
