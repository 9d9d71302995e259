// Policies on a node, and what they refused, as the messages of its local API.

import type { Agent } from "#agent/main.ts";
import { readDenials } from "#agent/policy/denials.ts";
import { monotonicSeconds } from "#kernel/monotonic-clock.ts";
import type { DenialsMessage, PoliciesMessage } from "./messages.ts";

/** Policies by name, with the pods of this node on which each is in force; `policies: null` where they are not enforced. */
export function viewPolicies({ nodeName, policies }: Agent): PoliciesMessage {
  if (policies === undefined) return { node: nodeName, policies: null };
  const all = policies.states().map(({ sinceMs, ...state }) => ({
    ...state,
    since: sinceMs === undefined ? null : new Date(sinceMs).toISOString(),
  }));
  return { node: nodeName, policies: all.sort((a, b) => (a.policy < b.policy ? -1 : 1)) };
}

/** IANA, "Protocol Numbers". */
const protocols: Readonly<Record<number, string>> = { 1: "icmp", 6: "tcp", 17: "udp", 58: "icmp", 132: "sctp" };

/** What was refused of late; nothing where policies are not enforced. */
export function viewDenials({ policies, datapath }: Agent): DenialsMessage {
  if (policies === undefined || datapath === undefined) return { denials: [] };
  const denials = readDenials(datapath.policy, policies.policies, monotonicSeconds());
  return {
    denials: denials.map(({ sourceName, destinationName, protocol, ...denial }) => ({
      ...denial,
      sourceName: sourceName ?? null,
      destinationName: destinationName ?? null,
      protocol: protocols[protocol] ?? String(protocol),
    })),
  };
}
