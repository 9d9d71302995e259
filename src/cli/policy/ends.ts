// The ends of a connection as people name them: pods, workloads, nodes, addresses, names of the cluster's DNS, and the world.

import { nearest } from "#base/nearest.ts";
import { UsageError } from "#cli/command.ts";
import { formatParty, type Party } from "#model/policy/party.ts";
import type { ServiceEntry } from "#model/policy/service-entry.ts";
import { stranger } from "#model/policy/stranger.ts";
import { partyAt, type World, type WorldPod } from "#model/policy/world.ts";
import { parseIp } from "#net/ip.ts";

/** One of the parties that a name means. */
export type End = {
  readonly party: Party;
  /** What should be said beside it: `shop/ingress-1 shares the network of node1`. */
  readonly remark: string | undefined;
};

/** What a name means: ends, or a service in front of some. */
export type Found = { readonly ends: readonly End[] } | { readonly service: ServiceEntry };

const kindAliases: Readonly<Record<string, readonly string[]>> = {
  Pod: ["pod", "pods", "po"],
  Service: ["service", "services", "svc"],
  Node: ["node", "nodes", "no"],
  Deployment: ["deployment", "deployments", "deploy"],
  ReplicaSet: ["replicaset", "replicasets", "rs"],
  StatefulSet: ["statefulset", "statefulsets", "sts"],
  DaemonSet: ["daemonset", "daemonsets", "ds"],
  Job: ["job", "jobs"],
  CronJob: ["cronjob", "cronjobs", "cj"],
  ReplicationController: ["replicationcontroller", "replicationcontrollers", "rc"],
};

/** A name with its parts: `svc/shop/backend`, `shop/svc/backend`, `shop/backend`, `backend`. */
type Name = { readonly kind: string | undefined; readonly namespace: string; readonly name: string };

/** All that a text means as one end of a connection. @throws UsageError with the nearest name */
export function find(world: World, text: string, namespace: string): Found {
  if (text === "world") return { ends: [endOf(strangerOf(world))] };
  const address = parseIp(text);
  if (address !== undefined) return { ends: [endOf(partyAt(world, address))] };
  const name = readName(text, namespace);
  switch (name.kind) {
    case "Node":
      return { ends: nodesOf(world, name.name) };
    case "Service":
      return { service: serviceOf(world, name) };
    case undefined:
      return findUntyped(world, text, name);
    default: {
      const pods = podsOf(world, name);
      if (pods.length > 0) return { ends: pods.map(podEnd) };
      throw unknown(name.kind.toLowerCase(), `${name.namespace}/${name.name}`, knownPods(world));
    }
  }
}

function strangerOf({ policies, services }: World): Party {
  return stranger(
    policies,
    services.flatMap(({ sourceRanges = [] }) => sourceRanges),
  );
}

/** As `find`, for the end that opens the connection. @throws UsageError */
export function findSource(world: World, text: string, namespace: string): readonly End[] {
  const found = find(world, text, namespace);
  if ("ends" in found) return found.ends;
  const { service } = found;
  throw new UsageError(
    `service ${service.namespace}/${service.name} opens no connections: name the pods that are to open one`,
  );
}

function readName(text: string, namespace: string): Name {
  const parts = text.split("/");
  const at = parts.length > 1 ? parts.slice(0, -1).findIndex((part) => kindOf(part) !== undefined) : -1;
  const kind = at < 0 ? undefined : kindOf(parts[at] ?? "");
  const [name = "", within = namespace, ...more] = parts.filter((_, index) => index !== at).reverse();
  if (more.length === 0 && name !== "") return { kind, namespace: within, name };
  throw new UsageError(`cannot read "${text}": write [NAMESPACE/]NAME or KIND/[NAMESPACE/]NAME`);
}

function kindOf(word: string): string | undefined {
  return Object.entries(kindAliases).find(([, aliases]) => aliases.includes(word.toLowerCase()))?.[0];
}

/** A pod before a workload, a workload before a service of its name, and all of them before names of nodes and of DNS. */
function findUntyped(world: World, text: string, name: Name): Found {
  const pods = podsOf(world, name);
  if (pods.length > 0) return { ends: pods.map(podEnd) };
  const service = world.services.find((each) => each.namespace === name.namespace && each.name === name.name);
  if (service !== undefined) return { service };
  if (!text.includes("/")) {
    const node = world.nodes.filter((each) => each.name === text);
    if (node.length > 0) return { ends: node.map(endOf) };
    const named = findByDns(world, text, name.namespace);
    if (named !== undefined) return named;
    if (text.includes("."))
      throw new UsageError(`${text} is no name of this cluster: give an address, or "world" for anybody outside of it`);
  }
  throw unknown("pod or workload", `${name.namespace}/${name.name}`, knownPods(world));
}

/**
 * `backend.shop`, `backend.shop.svc.cluster.local`, and `database-0.database.shop.svc` for a pod of its own name; what ends
 * before `svc` is looked for in the namespace first, as a pod's resolver does.
 */
function findByDns(world: World, text: string, within: string): Found | undefined {
  const [, before = text, isWhole] = /^(.*?)\.(svc)(?:\.[\w.-]+)?\.?$/.exec(text) ?? [];
  const labels = before.replace(/\.$/, "").split(".");
  return (isWhole === undefined ? findByLabels(world, [...labels, within]) : undefined) ?? findByLabels(world, labels);
}

/** POD.SERVICE.NAMESPACE or SERVICE.NAMESPACE */
function findByLabels(world: World, labels: readonly string[]): Found | undefined {
  const [namespace = "", service = "", pod, ...more] = labels.toReversed();
  if (more.length > 0) return undefined;
  const entry = world.services.find((each) => each.namespace === namespace && each.name === service);
  if (entry === undefined) return undefined;
  if (pod === undefined) return { service: entry };
  const pods = podsOf(world, { kind: "Pod", namespace, name: pod });
  return pods.length === 0 ? undefined : { ends: pods.map(podEnd) };
}

/** The pod of that name, or else the pods that the workload of that name made. */
function podsOf({ allPods }: World, { kind, namespace, name }: Name): readonly WorldPod[] {
  const own = allPods.filter((pod) => pod.namespace === namespace);
  const exact = own.filter((pod) => pod.name === name || isNumbered(pod, name));
  if (kind === "Pod" || (kind === undefined && exact.length > 0)) return exact;
  const made = own.filter(({ workload }) => {
    if (workload === undefined) return false;
    // A CronJob's pods are those of Jobs with its name and a number.
    if (kind === "CronJob" && workload.kind === "Job")
      return /^-\d+$/.test(workload.name.slice(name.length)) && workload.name.startsWith(name);
    return workload.name === name && (kind === undefined || workload.kind === kind);
  });
  if (made.length > 0 || kind !== undefined) return made;
  return own.filter((pod) => pod.name.startsWith(`${name}-`));
}

/** Pods of a StatefulSet have its name and a number; a manifest's workload stands for all of them. */
function isNumbered({ name, workload }: WorldPod, asked: string): boolean {
  return workload?.kind === "StatefulSet" && workload.name === name && asked.replace(/-\d+$/, "") === name;
}

/** @throws UsageError for a pod that has no network any more */
function podEnd({ namespace, name, party, remark }: WorldPod): End {
  if (party === undefined)
    throw new UsageError(`pod ${namespace}/${name} ${remark ?? "has no network"}: it has no network any more`);
  return { party, remark: remark === undefined ? undefined : `${namespace}/${name} ${remark}` };
}

function endOf(party: Party): End {
  return { party, remark: undefined };
}

function nodesOf({ nodes }: World, name: string): readonly End[] {
  const found = nodes.filter((each) => each.name === name);
  if (found.length > 0) return found.map(endOf);
  throw unknown(
    "node",
    name,
    nodes.map((each) => each.name),
  );
}

function serviceOf({ services }: World, { namespace, name }: Name): ServiceEntry {
  const found = services.find((each) => each.namespace === namespace && each.name === name);
  if (found !== undefined) return found;
  throw unknown(
    "service",
    `${namespace}/${name}`,
    services.map((each) => `${each.namespace}/${each.name}`),
  );
}

function knownPods({ allPods, pods }: World): readonly string[] {
  const workloads = allPods.flatMap(({ namespace, workload }) =>
    workload === undefined ? [] : [`${namespace}/${workload.name}`],
  );
  return [...new Set([...workloads, ...pods.map(formatParty)])];
}

function unknown(what: string, name: string, known: readonly string[]): UsageError {
  const meant = nearest(name, known);
  return new UsageError(`there is no ${what} ${name}${meant === undefined ? "" : `; did you mean ${meant}?`}`);
}
