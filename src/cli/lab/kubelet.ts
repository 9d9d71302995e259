// `twill lab kubelet`, hidden: a node's kubelet.

import type { CommandIo } from "#cli/command.ts";
import { KubeClient } from "#kube/client.ts";
import { httpTransport } from "#kube/http-transport.ts";
import { hasReason } from "#kube/kube-error.ts";
import { readKubeconfig } from "#kube/kubeconfig.ts";
import { nodes } from "#kube/resource.ts";
import { type NodeConfig, readNodeConfig } from "#lab/node-config.ts";
import { untilStopped } from "./stop-signal.ts";

type KubeletCall = { readonly args: { readonly config: string } };

const retryMs = 100;

/** Stands in until there is a kubelet: registers the node and says that it is ready. */
export async function labKubelet({ args: { config: path } }: KubeletCall, io: CommandIo): Promise<number> {
  const config = readNodeConfig(path);
  const client = new KubeClient(httpTransport(readKubeconfig(config.kubeconfig)), "kubelet");
  for (;;) {
    try {
      await register(client, config);
      break;
    } catch (error) {
      io.stderr(`${error instanceof Error ? error.message : String(error)}\n`);
      await Bun.sleep(retryMs);
    }
  }
  await untilStopped();
  return 0;
}

async function register(client: KubeClient, { node, addresses }: NodeConfig): Promise<void> {
  try {
    await client.create(nodes, { metadata: { name: node, labels: { "kubernetes.io/hostname": node } }, spec: {} });
  } catch (error) {
    if (!hasReason(error, "AlreadyExists")) throw error;
  }
  const time = new Date().toISOString().replace(/\.\d+/, "");
  await client.patch(nodes, { name: node, subresource: "status" }, "merge", {
    status: {
      addresses: addresses.map((address) => ({ type: "InternalIP", address })),
      conditions: [
        { type: "Ready", status: "True", reason: "KubeletReady", lastHeartbeatTime: time, lastTransitionTime: time },
      ],
    },
  });
}
