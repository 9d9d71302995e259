// Services: their families, addresses and ports, given when they are made and kept while they live.

import type { ServicePort, ServiceSpec } from "kubernetes-types/core/v1";
import { sameJson } from "#base/same-json.ts";
import type { Service } from "#kube/kinds.ts";
import { invalid, kubeError } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import type { RuleContext, Rules } from "#lab/apiserver/registry.ts";
import { invalidValue } from "#lab/apiserver/schema/cause.ts";
import type { NumberPool, ServiceRange } from "./address-pool.ts";
import { Allocations, nodePortsOf } from "./allocations.ts";
import { serviceFaults } from "./service-faults.ts";
import { isOpen, keptSpec } from "./service-kept.ts";

export type ServiceOptions = {
  /** One per family of the cluster, the primary first. */
  readonly ranges: readonly ServiceRange[];
  readonly nodePorts: NumberPool;
};

type FamilyName = "IPv4" | "IPv6";

/** Rules of services in a cluster with these ranges. */
export function serviceRules(options: ServiceOptions): Rules {
  return {
    prepareCreate: (object, context) => prepare(object as Service, undefined, options, context),
    prepareUpdate: (object, old, context) =>
      context.subresource === "status" ? object : prepare(object as Service, old as Service, options, context),
    validate: (object, old) => serviceFaults(object as Service, old as Service | undefined, options),
  };
}

function prepare(
  service: Service,
  old: Service | undefined,
  options: ServiceOptions,
  context: RuleContext,
): KubeObject {
  const spec = withDefaults(service.spec ?? {}, old?.spec);
  if (spec.type === "ExternalName") return { ...service, spec };
  const families = familiesOf(spec, options);
  const taken = context.index(Allocations);
  return {
    ...service,
    spec: withNodePorts(
      {
        ...spec,
        ...families,
        ...addressesOf(service.metadata.name, spec, old?.spec, families.ipFamilies, options, taken),
      },
      { name: service.metadata.name, old: old?.spec },
      options,
      taken,
    ),
    status: service.status ?? { loadBalancer: {} },
  };
}

function withDefaults(spec: ServiceSpec, old: ServiceSpec | undefined): ServiceSpec {
  const kept = keptSpec(spec, old);
  const type = kept.type ?? "ClusterIP";
  return {
    ...kept,
    type,
    ports: (kept.ports ?? []).map(
      (port): ServicePort => ({ protocol: "TCP", ...port, targetPort: port.targetPort ?? port.port }),
    ),
    sessionAffinity: kept.sessionAffinity ?? "None",
    ...(kept.sessionAffinity === "ClientIP"
      ? { sessionAffinityConfig: kept.sessionAffinityConfig ?? { clientIP: { timeoutSeconds: 10_800 } } }
      : {}),
    ...(type === "ExternalName" ? {} : { internalTrafficPolicy: kept.internalTrafficPolicy ?? "Cluster" }),
    ...(isOpen(kept) ? { externalTrafficPolicy: kept.externalTrafficPolicy ?? "Cluster" } : {}),
    ...(type === "LoadBalancer" ? { allocateLoadBalancerNodePorts: kept.allocateLoadBalancerNodePorts ?? true } : {}),
  };
}

function familyName({ family }: ServiceRange): FamilyName {
  return family === "ipv4" ? "IPv4" : "IPv6";
}

/** The families that a service has: those it names, filled up as its policy asks and the cluster can. */
function familiesOf(
  spec: ServiceSpec,
  { ranges }: ServiceOptions,
): { readonly ipFamilies: FamilyName[]; readonly ipFamilyPolicy: string } {
  const offered = ranges.map(familyName);
  const fromAddresses = (spec.clusterIPs ?? [spec.clusterIP ?? ""])
    .filter((address) => address !== "" && address !== "None")
    .map((address): FamilyName => (address.includes(":") ? "IPv6" : "IPv4"));
  const named = (spec.ipFamilies ?? fromAddresses) as FamilyName[];
  const policy = spec.ipFamilyPolicy ?? (named.length > 1 ? "RequireDualStack" : "SingleStack");
  // Those that cannot be are told by the validation.
  if (new Set(spec.ipFamilies ?? []).size < (spec.ipFamilies ?? []).length)
    return { ipFamilies: named, ipFamilyPolicy: policy };
  const [first = "IPv4"] = named.length > 0 ? named : offered;
  const rest = [...named.slice(1), ...offered].filter((family) => family !== first).slice(0, 1);
  return { ipFamilies: policy === "SingleStack" ? [first] : [first, ...rest], ipFamilyPolicy: policy };
}

function alreadyAllocated(name: string, addresses: readonly string[]): Error {
  const detail = `failed to allocate IP ${addresses.join(", ")}: provided IP is already allocated`;
  return invalid("Service", "", name, [invalidValue("spec.clusterIPs", addresses, detail)]);
}

/** A client that knows one address only changes `clusterIP` and sends `clusterIPs` as they were. */
function wantedAddresses({ clusterIP = "", clusterIPs }: ServiceSpec, old: ServiceSpec | undefined): string[] {
  const single = clusterIP === "" ? [] : [clusterIP];
  const kept = old !== undefined && sameJson(clusterIPs, old.clusterIPs);
  return kept && single.length > 0 && clusterIP !== old.clusterIP ? single : (clusterIPs ?? single);
}

function addressesOf(
  name: string,
  spec: ServiceSpec,
  old: ServiceSpec | undefined,
  families: readonly FamilyName[],
  { ranges }: ServiceOptions,
  taken: Allocations,
): Partial<ServiceSpec> {
  if (spec.clusterIP === "None") return { clusterIP: "None", clusterIPs: ["None"] };
  const wanted = wantedAddresses(spec, old);
  const fresh = wanted.filter((address) => !(old?.clusterIPs ?? []).includes(address));
  if (wanted.length === families.length && fresh.length === 0)
    return { clusterIP: wanted[0] ?? "", clusterIPs: wanted };
  if (fresh.some((address) => taken.hasAddress(address))) throw alreadyAllocated(name, wanted);
  const addresses = families.map((family, index) => {
    const given = wanted[index];
    if (given !== undefined) return given;
    const range = ranges.find((candidate) => familyName(candidate) === family);
    const address = range?.free((candidate) => taken.hasAddress(candidate));
    // A family that the cluster lacks is said by the validation.
    if (range === undefined) return "";
    if (address === undefined)
      throw kubeError("ServiceUnavailable", `Cannot give the service an address: all of ${range.range} are taken`);
    return address;
  });
  const clusterIPs = addresses.filter((address) => address !== "");
  return { clusterIP: clusterIPs[0] ?? "", clusterIPs };
}

/** Throws Invalid when a node port that the service did not have is another's. */
function checkNodePorts(
  name: string,
  ports: readonly ServicePort[],
  taken: Allocations,
  had: ReadonlySet<number | undefined>,
): void {
  const causes = ports.flatMap(({ nodePort = 0 }, index) =>
    nodePort !== 0 && taken.hasPort(nodePort) && !had.has(nodePort)
      ? [invalidValue(`spec.ports[${index}].nodePort`, nodePort, "provided port is already allocated")]
      : [],
  );
  if (causes.length > 0) throw invalid("Service", "", name, causes);
}

type Before = { readonly name: string; readonly old: ServiceSpec | undefined };

function withNodePorts(
  spec: ServiceSpec,
  before: Before,
  { nodePorts }: ServiceOptions,
  taken: Allocations,
): ServiceSpec {
  const balancer = spec.type === "LoadBalancer";
  const exposed = spec.type === "NodePort" || (balancer && spec.allocateLoadBalancerNodePorts !== false);
  const needsHealth = balancer && spec.externalTrafficPolicy === "Local" && spec.healthCheckNodePort === undefined;
  const given = (spec.ports ?? []).map(({ nodePort = 0 }) => nodePort);
  const had = new Set((before.old?.ports ?? []).map(({ nodePort }) => nodePort));
  if (!needsHealth && (!exposed || given.every((port) => had.has(port)))) return spec;
  if (exposed) checkNodePorts(before.name, spec.ports ?? [], taken, had);
  const own = new Set(nodePortsOf(spec));
  const next = () => {
    const port = nodePorts.free((candidate) => taken.hasPort(candidate) || own.has(candidate));
    if (port === undefined)
      throw kubeError("ServiceUnavailable", "Cannot give the service a node port: all of the range are taken");
    own.add(port);
    return port;
  };
  const byPort = new Map<number, number>();
  const ports = (spec.ports ?? []).map((port): ServicePort => {
    if (!exposed || (port.nodePort !== undefined && port.nodePort !== 0)) return port;
    // One port under two protocols has one node port.
    const nodePort = byPort.get(port.port) ?? next();
    byPort.set(port.port, nodePort);
    return { ...port, nodePort };
  });
  return { ...spec, ports, ...(needsHealth ? { healthCheckNodePort: next() } : {}) };
}
