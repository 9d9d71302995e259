// Pods, nodes and the internet of a lab as random policies mean them: who is there is made once, labels and policies anew for each seed.

import { hasReason } from "#kube/kube-error.ts";
import type { KubeObject } from "#kube/object.ts";
import {
  clusterNetworkPolicies,
  namespaces as namespaceResource,
  networkPolicies,
  nodes,
  services,
} from "#kube/resource.ts";
import { internetAddress } from "#lab/fabric/addresses.ts";
import { echoPort, webPort } from "#lab/internet/ports.ts";
import type { TestLabs } from "#test/lab.ts";
import type { Random } from "#test/random.ts";
import { allows } from "./oracle.ts";
import { inBlock } from "./oracle-match.ts";
import type { OracleCluster, OracleEnd, OraclePod, OraclePolicy, PolicyPeer } from "./oracle-objects.ts";
import { type Expectation, PolicyLab } from "./policy-lab.ts";
import { labelsOf, namespaces, portNames, portNumbers, randomPolicies, randomTeam } from "./random-cluster.ts";

const podCount = 8;
const protocols = ["TCP", "UDP"] as const;
const serverLabel = "server";
/** Of a service, to the pod's own port. */
const serviceOffset = 8000;

/** Somebody who is called, by one address. */
type Place = { readonly title: string; readonly end: OracleEnd; readonly host: string; readonly isService: boolean };

export class RandomLab {
  readonly lab: PolicyLab;
  #serviceAddresses: ReadonlyMap<string, readonly string[]> = new Map();

  private constructor(lab: PolicyLab) {
    this.lab = lab;
  }

  /** Eight pods with services, on three nodes of which one has a role; on each node something answers for the node itself. */
  static async start(labs: TestLabs, random: Random): Promise<RandomLab> {
    const lab = await PolicyLab.start(labs, 3);
    await lab.client.patch(nodes, { name: "node1" }, "merge", { metadata: { labels: { role: "worker" } } });
    lab.load([
      ...namespaces.map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })),
      ...lab.nodes.map((node) => podObject("z", `host-${node}`, node, [], true)),
      ...Array.from({ length: podCount }, (_, index) => {
        const [namespace, name] = [random.pick(namespaces), `pod-${index}`];
        const names = portNames.filter(() => random.bool()).map((each) => [random.below(6), each] as const);
        const node = lab.nodes[index % lab.nodes.length] ?? "";
        return [podObject(namespace, name, node, names, false), serviceObject(namespace, name)];
      }).flat(),
    ]);
    await lab.findPods();
    const it = new RandomLab(lab);
    const { items } = await lab.client.listAll(services);
    it.#serviceAddresses = new Map(
      items.map(({ metadata, spec }) => [`${metadata.namespace}/${metadata.name}`, spec?.clusterIPs ?? []]),
    );
    return it;
  }

  /** Other labels and policies; what the API refuses is left out. Resolves with what there is when it is in force. */
  async shuffle(random: Random): Promise<OracleCluster> {
    const { lab } = this;
    await lab.remove();
    const before = await this.#cluster();
    for (const name of namespaces) await lab.labelNamespace(name, randomTeam(random));
    for (const { namespace, name } of before.pods) {
      if (namespaces.includes(namespace))
        await lab.labelPod(`${namespace}/${name}`, { ...labelsOf(random), [serverLabel]: name });
    }
    let { policies, clusterPolicies } = randomPolicies(random, blocksOf(before));
    // Without any everything is open, which says little.
    while (policies.length + clusterPolicies.length < 2)
      ({ policies, clusterPolicies } = randomPolicies(random, blocksOf(before)));
    for (const policy of [...policies.map(withExceptionsInside), ...clusterPolicies]) {
      await lab.apply(policy).catch((error: unknown) => {
        if (!hasReason(error, "Invalid", "BadRequest")) throw error;
      });
    }
    await lab.settled();
    return this.#cluster();
  }

  /** Every source with every place, over both families: each with one protocol and port, and what the oracle says. */
  expectations(cluster: OracleCluster, random: Random): readonly Expectation[] {
    const sources = [
      ...cluster.pods.filter(isServer).map((pod) => ({ name: `${pod.namespace}/${pod.name}`, end: { pod } })),
      ...cluster.nodes.map((node) => ({ name: node.name, end: { node } })),
    ];
    return sources.flatMap(({ name: from, end }) =>
      this.#places(cluster)
        .filter((place) => !("node" in end && !("pod" in place.end)))
        .map(({ title, end: to, host, isService }): Expectation => {
          const protocol = random.pick(protocols);
          const port = "ip" in to ? (protocol === "TCP" ? webPort : echoPort) : random.pick(portNumbers);
          return {
            ...{ from, host, title, protocol: protocol === "TCP" ? "tcp" : "udp" },
            port: isService ? port + serviceOffset : port,
            allowed: allows(cluster, end, to, { protocol, port }, host.includes(":")),
          };
        }),
    );
  }

  #places({ pods, nodes: all }: OracleCluster): readonly Place[] {
    const places = (title: string, end: OracleEnd, hosts: readonly string[], isService = false): readonly Place[] =>
      hosts.map((host) => ({ title: `${title} (${host})`, end, host, isService }));
    return [
      ...pods.filter(isServer).flatMap((pod) => {
        const name = `${pod.namespace}/${pod.name}`;
        const front = this.#serviceAddresses.get(name) ?? [];
        return [...places(name, { pod }, pod.ips), ...places(`service ${name}`, { pod }, front, true)];
      }),
      ...all.flatMap((node) => places(node.name, { node }, node.ips)),
      ...Object.values(internetAddress).flatMap((ip) => places("the internet", { ip }, [ip])),
    ];
  }

  /** What the API has. */
  async #cluster(): Promise<OracleCluster> {
    const { client } = this.lab;
    const [spaces, machines, network, cluster] = await Promise.all([
      client.listAll(namespaceResource),
      client.listAll(nodes),
      client.listAll(networkPolicies),
      client.listAll(clusterNetworkPolicies),
    ]);
    const pods = await this.lab.pods();
    return {
      namespaces: Object.fromEntries(spaces.items.map(({ metadata }) => [metadata.name, metadata.labels ?? {}])),
      nodes: machines.items.map(({ metadata, status }) => ({
        ...{ name: metadata.name, labels: metadata.labels ?? {} },
        ips: (status?.addresses ?? []).filter(({ type }) => type === "InternalIP").map(({ address }) => address),
      })),
      pods: [...pods.values()].map(
        ({ metadata, spec, status }): OraclePod => ({
          ...{ namespace: metadata.namespace ?? "", name: metadata.name, labels: metadata.labels ?? {} },
          ips: (status?.podIPs ?? []).map(({ ip = "" }) => ip),
          ...{ node: spec?.nodeName ?? "", hostNetwork: spec?.hostNetwork ?? false, phase: status?.phase ?? "" },
          ports: (spec?.containers ?? [])
            .flatMap(({ ports = [] }) => ports)
            .map(({ name = "", containerPort, protocol = "TCP" }) => ({ name, containerPort, protocol })),
        }),
      ),
      services: [],
      policies: specsOf(network.items) as OracleCluster["policies"],
      clusterPolicies: specsOf(cluster.items) as OracleCluster["clusterPolicies"],
    };
  }
}

function specsOf(items: readonly KubeObject[]): readonly unknown[] {
  return items;
}

function isServer({ namespace, hostNetwork }: OraclePod): boolean {
  return namespaces.includes(namespace) && hostNetwork !== true;
}

/** All, some of the pods, one pod; nodes, one node; who is outside. */
function blocksOf({ pods, nodes: all }: OracleCluster): readonly string[] {
  const own = pods.filter(isServer).flatMap(({ ips }) => ips);
  const machines = all.flatMap(({ ips }) => ips);
  return [
    ...own.slice(0, 6).map(alone),
    ...machines.slice(0, 2).map(alone),
    ...["0.0.0.0/0", "::/0", "10.244.0.0/16", "fd00:10:244::/56", "172.30.0.0/24", "fd00:30::/64"],
    ...["203.0.113.0/24", "2001:db8:113::/64", "10.0.0.0/8", "fd00::/16"],
    ...own.slice(0, 2).map((ip) => (ip.includes(":") ? ip.replace(/[^:]*$/, "/64") : ip.replace(/\d+$/, "0/24"))),
  ];
}

function alone(ip: string): string {
  return `${ip}/${ip.includes(":") ? 128 : 32}`;
}

/** The API refuses exceptions that are no part of their block. */
function withExceptionsInside({ metadata, spec }: OraclePolicy): OraclePolicy {
  const peer = (each: PolicyPeer): PolicyPeer => {
    if (each.ipBlock === undefined) return each;
    const { cidr, except = [] } = each.ipBlock;
    const [, length = ""] = cidr.split("/");
    const isInside = (block: string) => {
      const [base = "", own = ""] = block.split("/");
      return inBlock(base, cidr) && Number(own) > Number(length);
    };
    return { ...each, ipBlock: { cidr, except: except.filter(isInside) } };
  };
  const { ingress, egress, ...rest } = spec;
  return {
    metadata,
    spec: {
      ...rest,
      ...(ingress && {
        ingress: ingress.map(({ from, ...rule }) => ({ ...rule, ...(from && { from: from.map(peer) }) })),
      }),
      ...(egress && { egress: egress.map(({ to, ...rule }) => ({ ...rule, ...(to && { to: to.map(peer) }) })) }),
    },
  };
}

/** `names`: which of the six ports have one. */
function podObject(
  namespace: string,
  name: string,
  nodeName: string,
  names: readonly (readonly [port: number, name: string])[],
  hostNetwork: boolean,
): object {
  const declared = protocols.flatMap((protocol) => portNumbers.map((containerPort) => ({ protocol, containerPort })));
  const ports = declared.map((port, index) => {
    const [, given] = names.find(([at]) => at === index) ?? [];
    return given === undefined ? port : { ...port, name: given };
  });
  return {
    ...{ apiVersion: "v1", kind: "Pod", metadata: { namespace, name, labels: { [serverLabel]: name } } },
    spec: { nodeName, hostNetwork, containers: [{ name: "server", image: "server", ports }] },
  };
}

function serviceObject(namespace: string, name: string): object {
  const ports = protocols.flatMap((protocol) =>
    portNumbers.map((port) => ({
      ...{ name: `${protocol}-${port}`.toLowerCase(), protocol },
      ...{ port: port + serviceOffset, targetPort: port },
    })),
  );
  return {
    ...{ apiVersion: "v1", kind: "Service", metadata: { namespace, name } },
    spec: { selector: { [serverLabel]: name }, ipFamilyPolicy: "PreferDualStack", ports },
  };
}
