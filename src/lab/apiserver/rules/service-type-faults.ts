// What a service may not say because of its type, and outer addresses that are none, in Kubernetes' words.

import type { ServiceSpec } from "kubernetes-types/core/v1";
import type { Cause } from "#kube/kube-error.ts";
import { forbiddenField, invalidValue, requiredValue } from "#lab/apiserver/schema/cause.ts";
import { parseIfAddr } from "#net/cidr.ts";
import { parseIp } from "#net/ip.ts";
import { specialKind } from "#net/special.ts";
import { hasNodePorts, isOpen, needsHealthCheck } from "./service-kept.ts";

const balancerOnly = ["allocateLoadBalancerNodePorts", "loadBalancerClass", "loadBalancerSourceRanges"] as const;

export function typeFaults(spec: ServiceSpec, old: ServiceSpec | undefined): readonly Cause[] {
  const { type = "ClusterIP", ports = [], externalTrafficPolicy, healthCheckNodePort, loadBalancerClass } = spec;
  const balanced = type === "LoadBalancer";
  const surplus = balancerOnly.filter((field) => !balanced && spec[field] !== undefined);
  const wasBalanced = old?.type === "LoadBalancer";
  return [
    ...surplus.map((field) => forbiddenField(`spec.${field}`, "may only be used when `type` is 'LoadBalancer'")),
    ...(balanced && wasBalanced && old.loadBalancerClass !== loadBalancerClass
      ? [invalidValue("spec.loadBalancerClass", loadBalancerClass, "may not change once set")]
      : []),
    ...ports.flatMap(({ nodePort = 0 }, index) =>
      nodePort !== 0 && !hasNodePorts(type)
        ? [forbiddenField(`spec.ports[${index}].nodePort`, `may not be used when \`type\` is '${type}'`)]
        : [],
    ),
    ...(externalTrafficPolicy !== undefined && !isOpen(spec)
      ? [
          invalidValue(
            "spec.externalTrafficPolicy",
            externalTrafficPolicy,
            "may only be set for externally-accessible services",
          ),
        ]
      : []),
    ...healthCheckFaults(spec, old, healthCheckNodePort ?? 0),
    ...rangeFaults(spec.loadBalancerSourceRanges ?? []),
    ...externalAddressFaults(spec.externalIPs ?? []),
  ];
}

function healthCheckFaults(spec: ServiceSpec, old: ServiceSpec | undefined, port: number): readonly Cause[] {
  const field = "spec.healthCheckNodePort";
  if (!needsHealthCheck(spec)) {
    const detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
    return port === 0 ? [] : [invalidValue(field, port, detail)];
  }
  if (port === 0) return [requiredValue(field)];
  return old !== undefined && needsHealthCheck(old) && old.healthCheckNodePort !== port
    ? [invalidValue(field, port, "field is immutable")]
    : [];
}

function rangeFaults(ranges: readonly string[]): readonly Cause[] {
  const detail = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)";
  return ranges.flatMap((text, index) =>
    text.includes("/") && parseIfAddr(text.trim()) !== undefined
      ? []
      : [invalidValue(`spec.loadBalancerSourceRanges[${index}]`, text, detail)],
  );
}

function externalAddressFaults(addresses: readonly string[]): readonly Cause[] {
  return addresses.flatMap((text, index) => {
    const field = `spec.externalIPs[${index}]`;
    const address = parseIp(text);
    if (address === undefined) return [invalidValue(field, text, "must be a valid IP address")];
    const kind = specialKind(address);
    return kind === undefined ? [] : [invalidValue(field, text, `may not be ${kind}`)];
  });
}
