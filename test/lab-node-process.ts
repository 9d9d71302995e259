// A node and its API server in one process inside namespaces of their own: the other end of `LabNode`.
//
// Reads requests of the API as lines of JSON from standard input and answers them on standard output.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { KubeClient } from "#kube/client.ts";
import { KubeError } from "#kube/kube-error.ts";
import { splitLines } from "#kube/lines.ts";
import { namespaces } from "#kube/resource.ts";
import type { KubeRequest } from "#kube/transport.ts";
import { ApiServer } from "#lab/apiserver/api-server.ts";
import { builtinResources } from "#lab/apiserver/builtin/builtin.ts";
import { localTransport } from "#lab/apiserver/local-transport.ts";
import { Registry } from "#lab/apiserver/registry.ts";
import { Store } from "#lab/apiserver/store/store.ts";
import { ClusterView } from "#lab/cluster-view.ts";
import { Kubelet } from "#lab/kubelet/kubelet.ts";
import { NodeAgent } from "#lab/kubelet/node/node-agent.ts";
import { NodeNetwork } from "#lab/kubelet/runtime/network.ts";
import { PodTool } from "#lab/kubelet/runtime/pod-tool.ts";
import { StateDir } from "#lab/kubelet/runtime/state-dir.ts";
import { ip } from "#net/ip.ts";

const [folder = "", cgroup = "", dist = ""] = process.argv.slice(2);
const log = (line: string) => process.stderr.write(`${line}\n`);
const now = () => Date.now();
const pace = { sleep: (ms: number) => Bun.sleep(ms), random: () => Math.random() };

using store = new Store({ path: join(folder, "store.db") });
const api = new ApiServer({
  ...{
    store,
    registry: new Registry(builtinResources),
    now,
    random: (bytes: Uint8Array) => crypto.getRandomValues(bytes),
  },
  report: (error) => log(String(error)),
});
const transport = localTransport(api, { username: "system:node:node1", groups: ["system:masters"] });
const client = new KubeClient(transport, "kubelet");
const confDir = join(folder, "net.d");
mkdirSync(confDir, { recursive: true });
const network = new NodeNetwork(
  {
    path: [join(dist, "cni/bin")],
    cacheDir: join(folder, "cni"),
    env: new Map([["PATH", "/usr/bin:/bin"]]),
    onStderr: log,
  },
  confDir,
);
const nodeIps = [ip("172.30.0.11")];
const facts = {
  ...{ name: "node1", ips: nodeIps, cpus: 2, memoryBytes: 2 ** 31, pods: 100, kernelVersion: "6", osImage: "Linux" },
  ...{ machineId: "m", bootId: "b", version: "0", architecture: "amd64", kubeletPort: 10250 },
};
const view = new ClusterView({ client, pace, failed: (error) => log(String(error)) });
const kubelet = new Kubelet({
  ...{ client, view, network, pace, now, log, node: "node1", nodeIps, cgroup, cpus: 2, memoryBytes: 2 ** 31 },
  dns: { servers: [ip("10.96.0.10")], domain: "cluster.local", upstream: [ip("203.0.113.10")] },
  tool: new PodTool(join(dist, "twill-pod")),
  twill: join(dist, "twill"),
  state: new StateDir(join(folder, "kubelet")),
  netnsDir: "/run/netns",
});
const agent = new NodeAgent({
  ...{ client, facts, confDir, pace, now, log },
  networkProblem: () => network.problem(),
  networkReady: () => kubelet.retry(),
  changed: () => {},
});
for (const name of ["default", "kube-node-lease"]) {
  await client.create(namespaces, { metadata: { name } }).catch(() => undefined); // There already after a restart.
}
await agent.start();
await kubelet.start();
writeFileSync(join(folder, "started"), "");

for await (const line of splitLines(Bun.stdin.stream())) {
  const { id, request } = JSON.parse(line) as { readonly id: number; readonly request: KubeRequest };
  void transport.request(request).then(
    (answer) => process.stdout.write(`${JSON.stringify({ id, answer })}\n`),
    (error: unknown) =>
      process.stdout.write(
        `${JSON.stringify({ id, status: error instanceof KubeError ? error.status : String(error) })}\n`,
      ),
  );
}
process.exit(0);
