// What is wrong with a service, in Kubernetes' words.

import type { ServicePort, ServiceSpec } from "kubernetes-types/core/v1";
import type { Service } from "#kube/kinds.ts";
import type { Cause } from "#kube/kube-error.ts";
import {
  duplicateValue,
  forbiddenField,
  invalidValue,
  requiredValue,
  unsupportedValue,
} from "#lab/apiserver/schema/cause.ts";
import { parseIp } from "#net/ip.ts";
import { labelFaults, portFaults, portNameFaults, serviceNameFaults, subdomainFaults } from "./names.ts";
import type { ServiceOptions } from "./service.ts";
import { typeFaults } from "./service-type-faults.ts";

const choices: readonly (readonly [field: keyof ServiceSpec, values: readonly string[]])[] = [
  ["type", ["ClusterIP", "ExternalName", "LoadBalancer", "NodePort"]],
  ["sessionAffinity", ["ClientIP", "None"]],
  ["externalTrafficPolicy", ["Cluster", "Local"]],
  ["internalTrafficPolicy", ["Cluster", "Local"]],
  ["ipFamilyPolicy", ["PreferDualStack", "RequireDualStack", "SingleStack"]],
  ["trafficDistribution", ["PreferClose", "PreferSameNode", "PreferSameZone"]],
];
const maxAffinitySeconds = 86_400;

export function serviceFaults(
  { metadata, spec = {} }: Service,
  old: Service | undefined,
  options: ServiceOptions,
): readonly Cause[] {
  const { ports = [], type } = spec;
  const chosen = choices.flatMap(([field, values]) => {
    const value = spec[field];
    return value === undefined || values.includes(String(value))
      ? []
      : [unsupportedValue(`spec.${field}`, value, values)];
  });
  const headless = spec.clusterIP === "None";
  return [
    ...serviceNameFaults("metadata.name", metadata.name),
    ...chosen,
    ...(ports.length === 0 && !headless && type !== "ExternalName" ? [requiredValue("spec.ports")] : []),
    ...ports.flatMap((port, index) => oneOfPorts(port, index, ports, options)),
    ...(type === "ExternalName" ? externalNameFaults(spec) : addressFaults(spec, options)),
    ...(headless && (type === "NodePort" || type === "LoadBalancer")
      ? [invalidValue("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${type} services`)]
      : []),
    ...affinityFaults(spec),
    ...typeFaults(spec, old?.spec),
    ...immutableFaults(spec, old?.spec),
  ];
}

function oneOfPorts(
  port: ServicePort,
  index: number,
  all: readonly ServicePort[],
  { nodePorts }: ServiceOptions,
): readonly Cause[] {
  const at = `spec.ports[${index}]`;
  const { name = "", protocol = "TCP", targetPort, nodePort } = port;
  const before = all.slice(0, index);
  const same = before.some((other) => other.port === port.port && (other.protocol ?? "TCP") === protocol);
  const sameNode =
    nodePort !== undefined &&
    before.some((other) => other.nodePort === nodePort && (other.protocol ?? "TCP") === protocol);
  return [
    ...(name === "" ? (all.length > 1 ? [requiredValue(`${at}.name`)] : []) : labelFaults(`${at}.name`, name)),
    ...(name !== "" && before.some((other) => other.name === name) ? [duplicateValue(`${at}.name`, name)] : []),
    ...portFaults(`${at}.port`, port.port),
    ...(typeof targetPort === "number" ? portFaults(`${at}.targetPort`, targetPort) : []),
    ...(typeof targetPort === "string" ? portNameFaults(`${at}.targetPort`, targetPort) : []),
    ...(same ? [duplicateValue(at, { port: port.port, protocol })] : []),
    ...(sameNode ? [duplicateValue(`${at}.nodePort`, nodePort)] : []),
    ...(nodePort !== undefined && !nodePorts.contains(nodePort)
      ? [invalidValue(`${at}.nodePort`, nodePort, "provided port is not in the valid range of node ports")]
      : []),
  ];
}

function externalNameFaults({ externalName = "", ...spec }: ServiceSpec): readonly Cause[] {
  const addressed = (["clusterIPs", "ipFamilies", "ipFamilyPolicy"] as const).filter((field) => {
    return (field === "clusterIPs" ? (spec.clusterIPs ?? spec.clusterIP) : spec[field]) !== undefined;
  });
  return [
    ...addressed.map((field) => forbiddenField(`spec.${field}`, "may not be set for ExternalName services")),
    ...(externalName === ""
      ? [requiredValue("spec.externalName")]
      : subdomainFaults("spec.externalName", externalName.replace(/\.$/, ""))),
  ];
}

function addressFaults(
  { clusterIP, clusterIPs = [], ipFamilies = [], ipFamilyPolicy }: ServiceSpec,
  { ranges }: ServiceOptions,
): readonly Cause[] {
  const offered = ranges.map(({ family }) => (family === "ipv4" ? "IPv4" : "IPv6"));
  const lacking = ipFamilies.flatMap((family, index) =>
    offered.includes(family as "IPv4")
      ? []
      : [invalidValue(`spec.ipFamilies[${index}]`, family, "not configured on this cluster")],
  );
  const dual = ipFamilyPolicy === "RequireDualStack" && offered.length < 2;
  const twice = ipFamilies[1] !== undefined && ipFamilies[0] === ipFamilies[1];
  const families = [...lacking, ...(twice ? [duplicateValue("spec.ipFamilies[1]", ipFamilies[1])] : [])];
  if (clusterIP === "None") return families;
  return [
    ...families,
    ...(clusterIPs.length > 2 ? [invalidValue("spec.clusterIPs", clusterIPs, "may only hold up to 2 values")] : []),
    ...(dual
      ? [invalidValue("spec.ipFamilyPolicy", ipFamilyPolicy, "this cluster is not configured for dual-stack services")]
      : []),
    ...(clusterIPs[0] !== clusterIP
      ? [invalidValue("spec.clusterIPs", clusterIPs, "first value must match `clusterIP`")]
      : []),
    ...clusterIPs.flatMap((address, index) => {
      const field = `spec.clusterIPs[${index}]`;
      if (parseIp(address) === undefined)
        return [invalidValue(field, address, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")];
      const family = address.includes(":") ? "IPv6" : "IPv4";
      if (ipFamilies[index] !== undefined && ipFamilies[index] !== family) {
        const expected = `expected an ${ipFamilies[index]} value as indicated by \`ipFamilies[${index}]\``;
        return [invalidValue(field, address, expected)];
      }
      const inside = ranges.find((range) => range.contains(address));
      const valid = ranges.map(({ range }) => range).join(", ");
      if (inside === undefined)
        return [invalidValue(field, address, `the provided IP is not in the valid range ${valid}`)];
      return [];
    }),
  ];
}

function affinityFaults({ sessionAffinity, sessionAffinityConfig }: ServiceSpec): readonly Cause[] {
  const seconds = sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (sessionAffinity === "None" && sessionAffinityConfig !== undefined) {
    return [
      invalidValue(
        "spec.sessionAffinityConfig",
        sessionAffinityConfig,
        "must not be set when session affinity is None",
      ),
    ];
  }
  if (seconds === undefined || (seconds > 0 && seconds <= maxAffinitySeconds)) return [];
  const field = "spec.sessionAffinityConfig.clientIP.timeoutSeconds";
  return [invalidValue(field, seconds, `must be greater than 0 and less than ${maxAffinitySeconds}`)];
}

/** The first address stays while a service has one. */
function immutableFaults(spec: ServiceSpec, old: ServiceSpec | undefined): readonly Cause[] {
  const before = old?.clusterIP;
  if (before === undefined || before === "" || old?.type === "ExternalName" || spec.type === "ExternalName") return [];
  return spec.clusterIP === before
    ? []
    : [invalidValue("spec.clusterIPs[0]", spec.clusterIPs, "may not change once set")];
}
