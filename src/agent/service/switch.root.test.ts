// Connections through services while their node changes hands: from the kernel's translation, as kube-proxy has it, to the packet path's, and back.

import { expect, test } from "bun:test";
import { endpointSlices, services } from "#kube/resource.ts";
import { addressAt, startNode } from "#test/agent.ts";
import { slice } from "#test/lab/services.ts";
import type { Netns, Sandbox } from "#test/sandbox.ts";
import { ControlGroup } from "#test/sockets/control-group.ts";
import { SocketClient, type Step } from "#test/sockets/socket-node.ts";
import { join } from "#test/traffic.ts";

const namespace = "shop";
const vip = "10.96.0.20";
const nodeAddress = "192.0.2.1";
const [port, nodePort, echoPort] = [80, 30_080, 8080];
/** Five agents start in turn. */
const testMs = 180_000;

const echo = `
import socket, threading
server = socket.create_server(("0.0.0.0", ${echoPort}))
print("listening", flush=True)
def serve(talk):
    while data := talk.recv(100):
        talk.sendall(data)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
`;

import { until } from "#test/until.ts";

async function startServer(box: Sandbox, netns: Netns): Promise<void> {
  const server = box.start(netns, ["/usr/bin/python3", "-c", echo]);
  await until(() => server.output().includes("listening"), "the server listens");
}

/** What kube-proxy makes of the service. */
function kernelRules(endpoint: string): string {
  const there = `dnat to ${endpoint}:${echoPort}`;
  const chain = (hook: string) => `
    chain ${hook} {
      type nat hook ${hook} priority -100; policy accept;
      ip daddr ${vip} tcp dport ${port} ${there}
      ip daddr ${nodeAddress} tcp dport ${nodePort} ${there}
    }`;
  return `table ip proxy { ${chain("prerouting")} ${chain("output")}\n}\n`;
}

test(
  "they go on where the packet path takes over, where its tables get larger or smaller, and where it leaves to others",
  async () => {
    using groups = new ControlGroup();
    using others = new ControlGroup();
    await using it = await startNode(["10.244.1.0/24"], {});
    const { box, node, server } = it;
    const { client } = server;
    const outside = box.netns("outside");
    join(box, [node.netns, "eth0", `${nodeAddress}/24`], [outside, "eth0", "192.0.2.2/24"]);
    node.sh("ip", "route", "add", "default", "via", "192.0.2.2");
    const [asking, web] = [await node.addPod("asking"), await node.addPod("web")];
    const endpoint = addressAt(web.result, 0);
    await startServer(box, web.netns);
    await server.addNamespace(namespace);
    const spec = { clusterIP: vip, type: "NodePort" as const, ports: [{ port, nodePort }] };
    await client.create(services, { metadata: { namespace, name: "web" }, spec });
    const endpoints = [{ addresses: [endpoint], nodeName: "n1", conditions: { ready: true } }];
    await client.create(endpointSlices, slice(endpoints));
    box.sh(node.netns, ["nft", "-f", "-"], { stdin: kernelRules(endpoint) });

    await using pod = new SocketClient(asking.netns, others.path);
    await using far = new SocketClient(outside, others.path);
    await using host = new SocketClient(node.netns, others.path);
    const clients = [
      [pod, vip, port],
      [far, nodeAddress, nodePort],
      [host, vip, port],
    ] as const;
    const open = async (name: string) =>
      await Promise.all(clients.map(([each, to, at]) => each.run(["open", name, "tcp4"], ["connect", name, to, at])));
    const talk = async (...names: readonly string[]) =>
      await Promise.all(
        clients.map(([each]) =>
          each.run(
            ...names.flatMap((name): readonly Step[] => [
              ["send", name],
              ["receive", name],
            ]),
          ),
        ),
      );
    const said = (count: number) => Array.from({ length: clients.length }, () => Array(count).fill(["ok", "?"]).flat());

    await open("kernel's");
    expect(await talk("kernel's")).toEqual(said(1));

    const served = `{ enabled: true, cgroup: ${groups.path} }`;
    await node.restartWith(served);
    await until(() => node.agent.datapath?.isHeldBack === false, "the packet path has taken over");
    expect(node.log.join("\n")).toContain("2 connections that the kernel has translated are ours now");
    expect(await talk("kernel's")).toEqual(said(1));
    await open("ours");
    expect(await talk("ours", "kernel's")).toEqual(said(2));
    // The packet path's own: the kernel has seen it never.
    node.sh("conntrack", "-F");
    expect((await talk("kernel's")).slice(0, 2)).toEqual(said(1).slice(0, 2));

    for (const maxConnections of [8192, 4096]) {
      await node.restartWith(served, { maxConnections });
      await until(() => node.agent.services?.isServing === true, "services are served");
      expect(node.agent.datapath?.connections.translations.maxEntries).toBe(2 * maxConnections);
      expect((await talk("ours", "kernel's")).slice(0, 2)).toEqual(said(2).slice(0, 2));
    }

    await node.restartWith("{ enabled: false }", { maxConnections: 4096 });
    expect((await talk("ours", "kernel's")).slice(0, 2)).toEqual(said(2).slice(0, 2));
    await open("kernel's again");
    expect(await talk("kernel's again")).toEqual(said(1));
  },
  testMs,
);
