// Whether pods that may no longer send everything may still ask for names.

import { verdictOf } from "#model/policy/evaluate.ts";
import { choosesPod } from "#model/policy/match.ts";
import { labelsOfNamespace, type PodParty } from "#model/policy/party.ts";
import type { Policy, Rule } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import type { Subject, Warning } from "./warning.ts";

const dnsPort = 53;

/** Where clusters have their DNS, for worlds that do not say. */
const usualDns: PodParty = {
  party: "pod",
  namespace: "kube-system",
  name: "kube-dns",
  labels: { "k8s-app": "kube-dns" },
  namespaceLabels: labelsOfNamespace("kube-system"),
  addresses: [],
  node: undefined,
  ports: [{ name: "dns", protocol: "udp", port: dnsPort }],
};

export function lintDns({ policy, world }: Subject): readonly Warning[] {
  const { origin, subject, isolates, rules } = policy;
  const own = world.pods.filter((pod) => choosesPod(subject, pod) === undefined);
  if (own.length === 0) return [];
  const warning = (path: string, message: string): readonly Warning[] => [
    { rule: "dns-forgotten", origin: { ...origin, path }, message },
  ];
  if (isolates.includes("egress")) {
    const shared = policiesOf(world, own);
    if (shared.some((each) => allowsDns(each, "udp"))) return [];
    const onlyTcp = shared.some((each) => allowsDns(each, "tcp"));
    const why = onlyTcp
      ? "only TCP is allowed to port 53, and names are asked for by UDP"
      : "nothing allows egress to port 53: names cannot be looked up";
    return warning("spec.egress", why);
  }
  const denying = rules.filter(({ direction, action }) => direction === "egress" && action === "deny");
  if (denying.length === 0) return [];
  const dns = world.pods.filter(
    ({ namespace, labels }) => namespace === "kube-system" && labels["k8s-app"] === "kube-dns",
  );
  for (const target of dns.length > 0 ? dns : [usualDns]) {
    for (const pod of own) {
      const { decidedBy } = verdictOf(world.policies, pod, "egress", target, target, {
        protocol: "udp",
        port: dnsPort,
      });
      const rule = denying.find((each) => each === decidedBy?.rule);
      if (rule !== undefined)
        return warning(
          rule.origin.path,
          `it denies UDP to port 53 of ${target.namespace}/${target.name}: names cannot be looked up`,
        );
    }
  }
  return [];
}

/** Isolating policies that are about one of the pods. */
function policiesOf({ policies }: World, pods: readonly PodParty[]): readonly Policy[] {
  return policies.filter(
    ({ isolates, subject }) =>
      isolates.includes("egress") && pods.some((pod) => choosesPod(subject, pod) === undefined),
  );
}

function allowsDns({ rules }: Policy, protocol: "udp" | "tcp"): boolean {
  return rules.some((rule) => rule.direction === "egress" && rule.action === "allow" && hasDns(rule, protocol));
}

function hasDns({ ports }: Rule, protocol: "udp" | "tcp"): boolean {
  if (ports === undefined) return true;
  return ports.some((port) => {
    if (port.match === "nothing" || port.match === "icmp") return false;
    if (port.protocol !== undefined && port.protocol !== protocol) return false;
    if (port.match === "name") return port.name.startsWith("dns");
    return port.match === "all" || (port.from <= dnsPort && dnsPort <= port.to);
  });
}
