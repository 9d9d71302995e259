// Fields of a pod and resources of a container, as variables and downward files show them.

import type { Container, ResourceFieldSelector } from "kubernetes-types/core/v1";
import type { Pod } from "#kube/kinds.ts";
import { parseQuantity } from "#kube/quantity.ts";
import type { Ip } from "#net/ip.ts";

/** What a container learns of its node. */
export type NodeFacts = {
  readonly name: string;
  readonly ips: readonly Ip[];
  readonly podIps: readonly Ip[];
  /** What a container without a limit may use: the node's own. */
  readonly cpus: number;
  readonly memoryBytes: number;
  /** Variables of every container, as an image would set them. */
  readonly defaults: readonly (readonly [name: string, value: string])[];
};

/** Undefined for a path that is none. */
export function fieldOf(pod: Pod, path: string, node: NodeFacts): string | undefined {
  const { name, namespace = "", uid = "", labels = {}, annotations = {} } = pod.metadata;
  const subscript = /^metadata\.(labels|annotations)\['(.+)'\]$/.exec(path);
  if (subscript !== null) return (subscript[1] === "labels" ? labels : annotations)[subscript[2] ?? ""] ?? "";
  switch (path) {
    case "metadata.name":
      return name;
    case "metadata.namespace":
      return namespace;
    case "metadata.uid":
      return uid;
    case "metadata.labels":
      return formatMap(labels);
    case "metadata.annotations":
      return formatMap(annotations);
    case "spec.nodeName":
      return node.name;
    case "spec.serviceAccountName":
      return pod.spec?.serviceAccountName ?? "default";
    case "status.hostIP":
      return node.ips[0] ?? "";
    case "status.hostIPs":
      return node.ips.join(",");
    case "status.podIP":
      return node.podIps[0] ?? "";
    case "status.podIPs":
      return node.podIps.join(",");
    default:
      return undefined;
  }
}

/** Requests and limits in units of the divisor, rounded up; a limit that is not set is what the node has. */
export function resourceOf(
  pod: Pod,
  own: Container,
  { containerName, resource, divisor }: ResourceFieldSelector,
  node: NodeFacts,
): string {
  const containers = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
  const container =
    containerName === undefined || containerName === "" ? own : containers.find(({ name }) => name === containerName);
  const [which = "", name = ""] = resource.split(".", 2);
  const { limits = {}, requests = {} } = container?.resources ?? {};
  const text = which === "requests" ? (requests[name] ?? limits[name]) : limits[name];
  const most = { cpu: node.cpus, memory: node.memoryBytes }[name] ?? 0;
  const value = text === undefined ? (which === "limits" ? most : 0) : (parseQuantity(text) ?? 0);
  const unit = divisor === undefined || divisor === "0" ? 1 : (parseQuantity(divisor) ?? 1);
  return String(Math.ceil(value / unit));
}

/** One a line and quoted, as Go's %q does. */
function formatMap(map: Readonly<Record<string, string>>): string {
  return Object.keys(map)
    .sort()
    .map((key) => `${key}=${JSON.stringify(map[key])}`)
    .join("\n");
}
