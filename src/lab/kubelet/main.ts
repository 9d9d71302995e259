// A node's kubelet as a process of its own.
//
//   API ◄──lease, status── node agent ──blocks──► /etc/cni/net.d ──watched──► Ready
//    │ ▲
//    ▼ │ status, events
//   kubelet ──► a worker per pod ──► twill-pod (namespaces, containers), CNI plugins
//    ▲
//    ├── cluster view ──► service proxy (node/node-services.ts)
//    └── server on the node's address, port 10250: logs, health, what streams

import { existsSync, readFileSync } from "node:fs";
import { arch, cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { messageOf } from "#base/error-message.ts";
import { defaultCacheDir } from "#cni/cache.ts";
import { defaultConfDir } from "#cni/lookup.ts";
import { KubeClient } from "#kube/client.ts";
import { httpTransport } from "#kube/http-transport.ts";
import type { Node } from "#kube/kinds.ts";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import type { Pace } from "#kube/reflect.ts";
import { ClusterView } from "#lab/cluster-view.ts";
import { clusterDomain, internetAddress } from "#lab/fabric/addresses.ts";
import { type NodeConfig, readNodeConfig, servingPath } from "#lab/node-config.ts";
import { familiesOf } from "#lab/spec.ts";
import { type StreamingHost, serveStream } from "#lab/streaming/streaming.ts";
import { writeWhole } from "#lab/whole-file.ts";
import { cidr } from "#net/cidr.ts";
import { type Ip, ip } from "#net/ip.ts";
import { Kubelet } from "./kubelet.ts";
import { NodeAgent } from "./node/node-agent.ts";
import { conflistName, nodeConflist } from "./node/node-conflist.ts";
import { startNodeServices } from "./node/node-services.ts";
import type { NodeFacts } from "./node/node-status.ts";
import { NodeNetwork } from "./runtime/network.ts";
import { containerPath, PodTool } from "./runtime/pod-tool.ts";
import { StateDir } from "./runtime/state-dir.ts";
import { KubeletServer, type KubeletTls } from "./server/server.ts";

export type KubeletProcess = {
  readonly now: () => number;
  readonly pace: Pace;
  readonly log: (line: string) => void;
  /** Paths of `twill-pod` and of Twill's own executable. */
  readonly podTool: string;
  readonly twill: string;
  /** Resolves when the process is told to stop. */
  readonly stopped: Promise<void>;
};

export const kubeletPort = 10250;
const cniBin = "/opt/cni/bin";
const netnsDir = "/run/netns";
/** A thousand pods in a lab of three nodes are to find their place. */
const maxPods = 500;

/** Runs until it is told to stop; pods go on without it. */
export async function runKubelet(host: KubeletProcess, configPath: string): Promise<void> {
  const config = readNodeConfig(configPath);
  const { now, pace, log } = host;
  const client = new KubeClient(httpTransport(readKubeconfig(config.kubeconfig)), "kubelet");
  const ips = config.addresses.map(ip);
  const facts = nodeFacts(config, ips);
  const runtime = {
    path: [cniBin],
    cacheDir: defaultCacheDir,
    env: new Map([["PATH", containerPath]]),
    onStderr: (text: string) => log(text.trimEnd()),
  };
  const network = new NodeNetwork(runtime, defaultConfDir);
  const failed = (error: unknown) => log(`Cannot follow services: ${messageOf(error)}`);
  using view = new ClusterView({ client, pace, failed });
  using kubelet = new Kubelet({
    ...{ client, view, network, pace, now, log, netnsDir, node: config.node, nodeIps: ips },
    dns: {
      servers: config.dns.map(ip),
      domain: clusterDomain,
      upstream: familiesOf(config.family).map((family) => internetAddress[family]),
    },
    tool: new PodTool(host.podTool),
    twill: host.twill,
    state: new StateDir(join(config.folder, "kubelet")),
    cgroup: join(config.cgroup, "pods"),
    cpus: facts.cpus,
    memoryBytes: facts.memoryBytes,
  });
  using agent = new NodeAgent({
    ...{ client, facts, pace, now, log, confDir: defaultConfDir },
    networkProblem: () => network.problem(),
    networkReady: () => kubelet.retry(),
    changed: (node) => writeConflist(config, node, log),
  });
  using _services = startNodeServices({ view, config, log });
  await agent.start();
  await kubelet.start();
  const streaming: StreamingHost = {
    open: (request) => kubelet.exec.open(request),
    attach: (uid, container, tty) => kubelet.exec.attach(uid, container, tty),
    dial: (uid, port) => kubelet.exec.dial(uid, port),
    log,
  };
  using server = new KubeletServer({
    ...{ kubelet, tls: readTls(config), now, log },
    stream: (request) => void serveStream(streaming, request),
  });
  await server.listen("::", kubeletPort);
  log(`looking after the pods of ${config.node}`);
  writeWhole(servingPath(config.folder), `${process.pid}\n`);
  await host.stopped;
}

/** What `lab up` made for this node. */
function readTls({ folder }: NodeConfig): KubeletTls {
  const read = (name: string) => readFileSync(join(folder, "kubelet", "pki", name), "utf8");
  return { certificate: read("server.crt"), key: read("server.key"), authority: read("ca.crt") };
}

/** The node's blocks of addresses never change once it has them; a conflist of another maker stays as it is. */
function writeConflist({ cni, ownConflist }: NodeConfig, { spec }: Node, log: (line: string) => void): void {
  if (!ownConflist) return;
  const blocks = spec?.podCIDRs ?? (spec?.podCIDR === undefined ? [] : [spec.podCIDR]);
  if (blocks.length === 0) return;
  const path = join(defaultConfDir, conflistName);
  const text = nodeConflist(cni, blocks.map(cidr));
  if (existsSync(path) && readFileSync(path, "utf8") === text) return;
  writeWhole(path, text);
  log(`wrote ${path} for ${blocks.join(" and ")}`);
}

function nodeFacts({ node }: NodeConfig, ips: readonly Ip[]): NodeFacts {
  const line = (path: string) => (existsSync(path) ? readFileSync(path, "utf8").trim() : "");
  const osRelease = line("/etc/os-release");
  return {
    name: node,
    ips,
    cpus: cpus().length,
    memoryBytes: totalmem(),
    pods: maxPods,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)/m.exec(osRelease)?.[1] ?? "Linux",
    machineId: line("/etc/machine-id"),
    bootId: line("/proc/sys/kernel/random/boot_id"),
    version: "0.1.0",
    architecture: { x64: "amd64", arm64: "arm64" }[arch() as string] ?? arch(),
    kubeletPort,
  };
}
