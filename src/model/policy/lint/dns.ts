// Whether pods that may no longer send everything may still ask for names.

import { evaluate } from "#model/policy/evaluate.ts";
import { choosesPod } from "#model/policy/match.ts";
import { formatParty, isOnePod, labelsOfNamespace, type PodParty } from "#model/policy/party.ts";
import type { Policy, Rule } from "#model/policy/rule.ts";
import type { World } from "#model/policy/world.ts";
import { type ClusterDns, type DnsTarget, dnsPort } from "./cluster-dns.ts";
import type { Subject, Warning } from "./warning.ts";

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

export function lintDns(subject: Subject): readonly Warning[] {
  const { policy, world, classOf, dns } = subject;
  const { origin, isolates, rules } = policy;
  const chosen = world.pods.filter((pod) => choosesPod(policy.subject, pod) === undefined);
  // Who answers names itself asks somebody else.
  const asking = chosen.filter((pod) => dns?.udp.some(({ party }) => isOnePod(pod, party)) !== true);
  // Of pods that all policies treat alike one speaks for all.
  const own = [...new Map(asking.map((pod) => [classOf(pod), pod])).values()];
  if (own.length === 0) return [];
  const warning = (path: string, message: string): readonly Warning[] => [
    { rule: "dns-forgotten", origin: { ...origin, path }, message },
  ];
  if (isolates.includes("egress")) {
    const why = dns === undefined ? withoutPort(world, own) : outOfReach(subject, own, dns);
    return why === undefined ? [] : warning("spec.egress", why);
  }
  const denying = rules.filter(({ direction, action }) => direction === "egress" && action === "deny");
  if (denying.length === 0) return [];
  const usual: DnsTarget = { party: usualDns, traffic: { protocol: "udp", port: dnsPort } };
  for (const { party, traffic } of dns?.udp ?? [usual]) {
    for (const pod of own) {
      const decidedBy = evaluate(subject.about(pod), pod, party, traffic).egress?.decidedBy;
      const rule = denying.find((each) => each === decidedBy?.rule);
      if (rule !== undefined)
        return warning(
          rule.origin.path,
          `it denies UDP to port ${traffic.port} of ${formatParty(party)}: names cannot be looked up`,
        );
    }
  }
  return [];
}

/** Why none of the pods can ask the cluster's DNS, or not all that it may have to; undefined when one can. */
function outOfReach({ world, about }: Subject, own: readonly PodParty[], dns: ClusterDns): string | undefined {
  const reaches = (targets: readonly DnsTarget[]) =>
    targets.some(({ party, traffic }) =>
      own.some((pod) => evaluate(about(pod), pod, party, traffic).egress?.allowed !== false),
    );
  const [udp, tcp] = [reaches(dns.udp), dns.tcp.length === 0 || reaches(dns.tcp)];
  if (udp && tcp) return undefined;
  if (udp)
    return `only UDP is allowed to port ${portsOf(dns.tcp)} of ${dns.title}: long answers, which come by TCP, are lost`;
  if (tcp && dns.tcp.length > 0)
    return `only TCP is allowed to port ${portsOf(dns.udp)} of ${dns.title}, and names are asked for by UDP`;
  const closed = withoutPort(world, own);
  if (closed !== undefined) return closed;
  return `port ${dnsPort} is open, but not to port ${portsOf(dns.udp)} of ${whom(dns)}: names cannot be looked up`;
}

function portsOf(targets: readonly DnsTarget[]): string {
  return [...new Set(targets.map(({ traffic }) => traffic.port))].join(" and ");
}

/** `the pods of service kube-system/kube-dns` */
function whom({ title, udp }: ClusterDns): string {
  return udp.every(({ party }) => party.party === "pod") ? `the pods of ${title}` : title;
}

/** Where nobody knows who answers names, their port says enough; undefined when it is open. */
function withoutPort(world: World, own: readonly PodParty[]): string | undefined {
  const shared = policiesOf(world, own);
  if (shared.some((each) => allowsDns(each, "udp"))) return undefined;
  const onlyTcp = shared.some((each) => allowsDns(each, "tcp"));
  return onlyTcp
    ? "only TCP is allowed to port 53, and names are asked for by UDP"
    : "nothing allows egress to port 53: names cannot be looked up";
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
