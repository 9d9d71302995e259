// NetworkPolicies: their types when none are named, and what may not be said in a rule.

import type { IPBlock, NetworkPolicyPeer, NetworkPolicyPort } from "kubernetes-types/networking/v1";
import type { NetworkPolicy } from "#kube/kinds.ts";
import type { Cause } from "#kube/kube-error.ts";
import type { Rules } from "#lab/apiserver/registry.ts";
import { forbiddenField, invalidValue, requiredValue, unsupportedValue } from "#lab/apiserver/schema/cause.ts";
import { boundsOf, type Cidr, familyOfCidr, lengthOf, networkOf, parseIfAddr } from "#net/cidr.ts";
import { portFaults, portNameFaults } from "./names.ts";
import { selectorFaults } from "./selectors.ts";

const protocols = ["SCTP", "TCP", "UDP"];

export const networkPolicyRules: Rules = {
  prepareCreate: (object) => withTypes(object as NetworkPolicy),
  prepareUpdate: (object) => withTypes(object as NetworkPolicy),
  validate: (object) => policyFaults(object as NetworkPolicy),
};

/** Ports are TCP unless told, and Egress is a type of its own only where egress rules are (NetworkPolicySpec, policyTypes). */
function withTypes(policy: NetworkPolicy): NetworkPolicy {
  const spec = policy.spec ?? { podSelector: {} };
  const { policyTypes = [] } = spec;
  const implied = spec.egress === undefined ? ["Ingress"] : ["Ingress", "Egress"];
  return { ...policy, spec: { ...spec, policyTypes: policyTypes.length > 0 ? policyTypes : implied } };
}

function policyFaults({ spec }: NetworkPolicy): readonly Cause[] {
  if (spec === undefined) return [];
  const { podSelector = {}, ingress = [], egress = [], policyTypes = [] } = spec;
  return [
    ...selectorFaults("spec.podSelector", podSelector),
    ...ingress.flatMap(({ ports = [], from = [] }, index) => [
      ...ports.flatMap((port, at) => policyPortFaults(`spec.ingress[${index}].ports[${at}]`, port)),
      ...from.flatMap((peer, at) => peerFaults(`spec.ingress[${index}].from[${at}]`, peer)),
    ]),
    ...egress.flatMap(({ ports = [], to = [] }, index) => [
      ...ports.flatMap((port, at) => policyPortFaults(`spec.egress[${index}].ports[${at}]`, port)),
      ...to.flatMap((peer, at) => peerFaults(`spec.egress[${index}].to[${at}]`, peer)),
    ]),
    ...policyTypes.flatMap((type, index) =>
      ["Ingress", "Egress"].includes(type)
        ? []
        : [unsupportedValue(`spec.policyTypes[${index}]`, type, ["Egress", "Ingress"])],
    ),
    ...(policyTypes.length > 2
      ? [invalidValue("spec.policyTypes", policyTypes, "may not specify more than two policyTypes")]
      : []),
  ];
}

function policyPortFaults(field: string, { port, endPort, protocol = "TCP" }: NetworkPolicyPort): readonly Cause[] {
  const faults: Cause[] = [];
  if (!protocols.includes(protocol)) faults.push(unsupportedValue(`${field}.protocol`, protocol, protocols));
  if (typeof port === "number") faults.push(...portFaults(`${field}.port`, port));
  else if (port !== undefined) faults.push(...portNameFaults(`${field}.port`, port));
  if (endPort === undefined) return faults;
  if (port === undefined) faults.push(requiredValue(`${field}.port`, "must be specified when `endPort` is specified"));
  else if (typeof port === "string")
    faults.push(requiredValue(`${field}.port`, "may not be a string when `endPort` is specified"));
  else if (endPort < port)
    faults.push(invalidValue(`${field}.endPort`, endPort, "must be greater than or equal to `port`"));
  return [...faults, ...portFaults(`${field}.endPort`, endPort)];
}

function peerFaults(field: string, { podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer): readonly Cause[] {
  if (podSelector === undefined && namespaceSelector === undefined && ipBlock === undefined) {
    return [requiredValue(field, "must specify a peer")];
  }
  const besides = ipBlock !== undefined && (podSelector !== undefined || namespaceSelector !== undefined);
  return [
    ...(podSelector === undefined ? [] : selectorFaults(`${field}.podSelector`, podSelector)),
    ...(namespaceSelector === undefined ? [] : selectorFaults(`${field}.namespaceSelector`, namespaceSelector)),
    ...(ipBlock === undefined ? [] : blockFaults(`${field}.ipBlock`, ipBlock)),
    ...(besides ? [forbiddenField(field, "may not specify both ipBlock and another peer")] : []),
  ];
}

function blockFaults(field: string, { cidr, except = [] }: IPBlock): readonly Cause[] {
  if (cidr === undefined || cidr === "") return [requiredValue(`${field}.cidr`)];
  const block = parseBlock(cidr);
  if (block === undefined) return [notABlock(`${field}.cidr`, cidr)];
  return except.flatMap((text, index) => {
    const at = `${field}.except[${index}]`;
    const hole = parseBlock(text);
    if (hole === undefined) return [notABlock(at, text)];
    return isStrictlyInside(hole, block) ? [] : [invalidValue(at, text, `must be a strict subset of \`cidr\``)];
  });
}

function parseBlock(text: string): Cidr | undefined {
  const address = text.includes("/") ? parseIfAddr(text) : undefined;
  return address === undefined ? undefined : networkOf(address);
}

function notABlock(field: string, text: string): Cause {
  return invalidValue(field, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
}

function isStrictlyInside(hole: Cidr, block: Cidr): boolean {
  if (familyOfCidr(hole) !== familyOfCidr(block) || lengthOf(hole) <= lengthOf(block)) return false;
  const [inner, outer] = [boundsOf(hole), boundsOf(block)];
  return inner.first >= outer.first && inner.last <= outer.last;
}
