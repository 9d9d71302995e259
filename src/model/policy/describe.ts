// Policies in words: whom they are about, and whom their rules mean.

import { formatLabelSelector, type LabelSelector } from "#kube/selector.ts";
import { formatTraffic } from "./explain.ts";
import { formatProtocol } from "./match.ts";
import type { Peer, PodChoice, PortMatch, Rule } from "./rule.ts";
import { impossible } from "./written.ts";

/** `pods app=web of namespaces team=blue`, `all pods of namespace shop` */
export function describePods({ namespaces, pods }: PodChoice): string {
  if (pods === impossible) return "no pod";
  const which = pods.length === 0 ? "all pods" : `pods ${formatLabelSelector(pods)}`;
  if ("name" in namespaces) return `${which} of namespace ${namespaces.name}`;
  return `${which} of ${describeLabels("namespaces", namespaces.labels)}`;
}

function describeLabels(what: string, labels: LabelSelector): string {
  return labels.length === 0 ? `all ${what}` : `${what} ${formatLabelSelector(labels)}`;
}

function describePeer(peer: Peer): string {
  switch (peer.peer) {
    case "pods":
      return describePods(peer);
    case "nodes":
      return describeLabels("nodes", peer.labels);
    case "world":
      return "everybody outside of the cluster";
    case "block":
      return peer.except.length === 0 ? peer.block : `${peer.block} without ${peer.except.join(" and ")}`;
    case "nothing":
      return `nobody (${peer.why})`;
  }
}

function describePort(port: PortMatch): string {
  switch (port.match) {
    case "all":
      return `all of ${formatProtocol(port.protocol)}`;
    case "range":
      return port.from === port.to
        ? formatTraffic({ protocol: port.protocol, port: port.from })
        : `${formatProtocol(port.protocol)}/${port.from}-${port.to}`;
    case "name":
      return port.protocol === undefined
        ? `port ${port.name}`
        : `port ${port.name} of ${formatProtocol(port.protocol)}`;
    case "icmp":
      return formatTraffic({ protocol: "icmp", port: undefined, icmp: { type: port.type, code: port.code ?? 0 } });
    case "nothing":
      return `nothing (${port.why})`;
  }
}

const verbs = { allow: "allows", deny: "denies", pass: "passes on" } as const;

/** `allows tcp/80 and tcp/443 from pods app=web of namespace shop, or 10.0.0.0/8` */
export function describeRule({ action, direction, peers, ports }: Rule): string {
  const what = ports === undefined ? "everything" : ports.map(describePort).join(" and ");
  const who = peers === undefined ? "anybody" : peers.map(describePeer).join(", or ");
  return `${verbs[action]} ${what} ${direction === "ingress" ? "from" : "to"} ${who}`;
}
