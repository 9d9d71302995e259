// EndpointSlices: the addresses behind each service with a selector, in slices of bounded size.

import type { ServicePort } from "kubernetes-types/core/v1";
import type { Endpoint, EndpointPort } from "kubernetes-types/discovery/v1";
import type { EndpointSlice, Node, Pod, Service } from "#kube/kinds.ts";
import { services } from "#kube/resource.ts";
import type { Controller } from "./controller.ts";
import type { Operation } from "./operation.ts";
import { isTerminating, referenceTo } from "./owner.ts";
import { isFinished, isReady } from "./pod-state.ts";
import { managedByLabel, planGroups, type SliceGroup, serviceLabel } from "./slice-groups.ts";

const manager = "endpointslice-controller.k8s.io";
const zoneLabel = "topology.kubernetes.io/zone";

export const endpointSliceController: Controller = {
  name: "endpointslice",
  keys: (kind, { metadata }, view) => {
    if (kind === "services") return [`${metadata.namespace}/${metadata.name}`];
    if (kind === "endpointSlices") {
      const service = metadata.labels?.[serviceLabel];
      return service === undefined ? [] : [`${metadata.namespace}/${service}`];
    }
    if (kind !== "pods") return [];
    // The pod's labels as they were and as they are each name the services that they select.
    return [...view.services.values()]
      .filter((service) => service.metadata.namespace === metadata.namespace && selects(service, metadata.labels))
      .map((service) => `${service.metadata.namespace}/${service.metadata.name}`);
  },
  plan: (key, view) => {
    const service = view.services.get(key);
    // Slices of a service that is gone go with their owner.
    if (service?.spec?.selector === undefined || service.spec.type === "ExternalName") return { operations: [] };
    const pods = view.podsIn(service.metadata.namespace).filter((pod) => selects(service, pod.metadata.labels));
    const own = view.slicesOf(service).filter((slice) => slice.metadata.labels?.[managedByLabel] === manager);
    return { operations: planSlices(service, pods, view.nodes, own) };
  },
};

export function selects({ spec }: Service, labels: Readonly<Record<string, string>> = {}): boolean {
  const selector = Object.entries(spec?.selector ?? {});
  return selector.length > 0 && selector.every(([key, value]) => labels[key] === value);
}

/** Slices to make, change and remove. An endpoint stays in the slice it is in, so that a change costs what it touches. */
export function planSlices(
  service: Service,
  pods: readonly Pod[],
  nodes: ReadonlyMap<string, Node>,
  current: readonly EndpointSlice[],
): readonly Operation[] {
  const headless = service.spec?.clusterIP === "None" ? { "service.kubernetes.io/headless": "" } : {};
  const owner = {
    manager,
    service: service.metadata,
    labels: { ...service.metadata.labels, ...headless },
    reference: referenceTo(services, service),
  };
  return planGroups(owner, groupsOf(service, pods, nodes), current);
}

/** Endpoints by family and by the ports they have: a named port may be another number in each pod. */
function groupsOf(service: Service, pods: readonly Pod[], nodes: ReadonlyMap<string, Node>): readonly SliceGroup[] {
  const families = (service.spec?.ipFamilies ?? ["IPv4"]) as readonly ("IPv4" | "IPv6")[];
  return families.flatMap((family): readonly SliceGroup[] => {
    const found = pods.flatMap((pod) => {
      const address = addressOf(pod, family);
      if (address === undefined || isFinished(pod)) return [];
      return [{ ports: portsOf(service, pod), endpoint: endpointOf(service, pod, address, nodes) }];
    });
    const groups = Map.groupBy(found, ({ ports }) => JSON.stringify(ports));
    // A service without pods has one empty slice: its readers see that there is nothing, not that nothing is known.
    if (groups.size === 0) return [{ family, ports: [], endpoints: [] }];
    return [...groups.values()].map((members) => ({
      family,
      ports: members[0]?.ports ?? [],
      endpoints: members.map(({ endpoint }) => endpoint),
    }));
  });
}

/** The pod's address of a family; a pod that is not scheduled has none. */
export function addressOf({ status }: Pod, family: "IPv4" | "IPv6"): string | undefined {
  const all = status?.podIPs?.map(({ ip }) => ip) ?? [status?.podIP];
  return all.find((ip) => ip !== undefined && ip.includes(":") === (family === "IPv6"));
}

/** The service's ports as this pod has them; a named port that it lacks is left out. */
export function portsOf({ spec }: Service, pod: Pod): readonly EndpointPort[] {
  return (spec?.ports ?? []).flatMap((port) => {
    const number = targetPortOf(port, pod);
    if (number === undefined) return [];
    const { name = "", protocol = "TCP", appProtocol } = port;
    return [{ name, port: number, protocol, ...(appProtocol === undefined ? {} : { appProtocol }) }];
  });
}

function targetPortOf({ port, targetPort = port, protocol = "TCP" }: ServicePort, { spec }: Pod): number | undefined {
  if (typeof targetPort === "number") return targetPort;
  const named = (spec?.containers ?? []).flatMap(({ ports = [] }) => ports);
  return named.find((candidate) => candidate.name === targetPort && (candidate.protocol ?? "TCP") === protocol)
    ?.containerPort;
}

function endpointOf(service: Service, pod: Pod, address: string, nodes: ReadonlyMap<string, Node>): Endpoint {
  const { namespace = "", name, uid = "" } = pod.metadata;
  const serving = isReady(pod);
  const terminating = isTerminating(pod);
  const ready = service.spec?.publishNotReadyAddresses === true || (serving && !terminating);
  const { nodeName, hostname, subdomain } = pod.spec ?? {
    nodeName: undefined,
    hostname: undefined,
    subdomain: undefined,
  };
  const zone = nodes.get(nodeName ?? "")?.metadata.labels?.[zoneLabel];
  const named = hostname !== undefined && subdomain === service.metadata.name;
  return {
    addresses: [address],
    conditions: { ready, serving, terminating },
    ...(named ? { hostname } : {}),
    ...(nodeName === undefined ? {} : { nodeName }),
    targetRef: { kind: "Pod", namespace, name, uid },
    ...(zone === undefined ? {} : { zone }),
    ...hintsOf(service.spec?.trafficDistribution, zone, nodeName),
  };
}

/** By zone in any case: of a node without an endpoint its zone is the next best (KEP 3015). */
function hintsOf(distribution: string | undefined, zone: string | undefined, node: string | undefined) {
  if (distribution === undefined) return {};
  const hints = {
    ...(zone === undefined ? {} : { forZones: [{ name: zone }] }),
    ...(distribution === "PreferSameNode" && node !== undefined ? { forNodes: [{ name: node }] } : {}),
  };
  return Object.keys(hints).length === 0 ? {} : { hints };
}
