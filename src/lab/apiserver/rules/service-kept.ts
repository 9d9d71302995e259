// What an update of a service keeps of what the service had, and what goes with its old type.

import type { ServicePort, ServiceSpec } from "kubernetes-types/core/v1";

/** Whether clients outside the cluster reach it. */
export function isOpen({ type = "ClusterIP", externalIPs = [] }: ServiceSpec): boolean {
  return hasNodePorts(type) || (type === "ClusterIP" && externalIPs.length > 0);
}

/** Whether balancers ask nodes for it (`spec.healthCheckNodePort`). */
export function needsHealthCheck({ type, externalTrafficPolicy }: ServiceSpec): boolean {
  return type === "LoadBalancer" && externalTrafficPolicy === "Local";
}

export function hasNodePorts(type: string | undefined): boolean {
  return type === "NodePort" || type === "LoadBalancer";
}

/**
 * An update that leaves out what was allocated means what is there, as long as the type still has it. One that repeats what the type
 * does not have any more, as a patch of the type alone does, does not mean it.
 */
export function keptSpec(spec: ServiceSpec, old: ServiceSpec | undefined): ServiceSpec {
  if (old === undefined) return spec;
  const kept = withoutRemains(spec, old);
  if (old.type === "ExternalName" || kept.type === "ExternalName") return kept;
  const { clusterIP = old.clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy } = kept;
  const sameAddress = clusterIP === old.clusterIP;
  const healthPort = needsHealthCheck(kept) ? (kept.healthCheckNodePort ?? old.healthCheckNodePort) : undefined;
  return {
    ...kept,
    ...(clusterIP === undefined ? {} : { clusterIP }),
    ...(sameAddress ? dualFields({ clusterIPs, ipFamilies, ipFamilyPolicy }, old) : {}),
    ...(healthPort === undefined ? {} : { healthCheckNodePort: healthPort }),
    ...(hasNodePorts(kept.type) ? { ports: keptPorts(kept.ports ?? [], old.ports ?? []) } : {}),
  };
}

/** A port is known by its name: another number of it keeps its node port, unless that is asked for elsewhere. */
function keptPorts(ports: readonly ServicePort[], old: readonly ServicePort[]): ServicePort[] {
  const asked = new Set(ports.map(({ nodePort }) => nodePort));
  const known = new Map(old.map(({ name = "", nodePort }) => [name, nodePort]));
  return ports.map(({ nodePort, ...port }) => {
    if (nodePort !== undefined && nodePort !== 0) return { ...port, nodePort };
    const before = known.get(port.name ?? "");
    const isFree = before !== undefined && !asked.has(before);
    asked.add(before);
    return isFree ? { ...port, nodePort: before } : port;
  });
}

/** Fields of a type that the service does not have any more, where they are as they were. */
function withoutRemains(spec: ServiceSpec, old: ServiceSpec): ServiceSpec {
  const gone = new Set<keyof ServiceSpec>();
  const goes = (field: keyof ServiceSpec, has: (of: ServiceSpec) => boolean) => {
    if (has(old) && !has(spec) && Bun.deepEquals(spec[field], old[field])) gone.add(field);
  };
  for (const field of addressFields) goes(field, ({ type }) => type !== "ExternalName");
  for (const field of balancerFields) goes(field, ({ type }) => type === "LoadBalancer");
  goes("externalTrafficPolicy", isOpen);
  goes("healthCheckNodePort", needsHealthCheck);
  const rest = Object.fromEntries(Object.entries(spec).filter(([field]) => !gone.has(field as keyof ServiceSpec)));
  const losesPorts = hasNodePorts(old.type) && !hasNodePorts(spec.type);
  const had = new Set((old.ports ?? []).map(({ nodePort }) => nodePort));
  const ports = (spec.ports ?? []).map(({ nodePort, ...port }) =>
    nodePort === undefined || had.has(nodePort) ? port : { ...port, nodePort },
  );
  return losesPorts && spec.ports !== undefined ? { ...rest, ports } : rest;
}

const addressFields = ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy"] as const;
const balancerFields = ["allocateLoadBalancerNodePorts", "loadBalancerClass"] as const;

type Dual = {
  readonly clusterIPs: string[] | undefined;
  readonly ipFamilies: string[] | undefined;
  readonly ipFamilyPolicy: string | undefined;
};

function dualFields({ clusterIPs, ipFamilies, ipFamilyPolicy }: Dual, old: ServiceSpec): Partial<ServiceSpec> {
  const policy = ipFamilyPolicy ?? old.ipFamilyPolicy;
  // To one family: the second address is given back.
  const single = policy === "SingleStack";
  const addresses = clusterIPs ?? old.clusterIPs;
  const families = ipFamilies ?? old.ipFamilies;
  return {
    ...(policy === undefined ? {} : { ipFamilyPolicy: policy }),
    ...(addresses === undefined ? {} : { clusterIPs: single ? addresses.slice(0, 1) : addresses }),
    ...(families === undefined ? {} : { ipFamilies: single ? families.slice(0, 1) : families }),
  };
}
