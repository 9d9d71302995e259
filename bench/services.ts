// Connections through services, beside those straight to the pod and those through kube-proxy's rules. `bun bench/services.ts [small]`

import { attachSockets } from "#datapath/sockets.ts";
import { ip } from "#net/ip.ts";
import { PathNode, type PathPod } from "#test/path-node.ts";
import { type Netns, Sandbox } from "#test/sandbox.ts";
import { ControlGroup } from "#test/sockets/control-group.ts";
import { join } from "#test/traffic.ts";
import { alternate, compare, type Extent, type LatencyRow, printLatencies } from "./alternate.ts";
import { kubeProxyRules, type ProxiedService } from "./kube-proxy.ts";
import { askedOf, fillServices, serviceCrowd } from "./service-crowd.ts";
import { Talk, type TalkClient } from "./talk.ts";
import { writeResults } from "./write-results.ts";

const small = process.argv[2] === "small";
const [few, some, many] = small ? [1, 20, 300] : [1, 1_000, 30_000];
const connections: Extent = small ? { turns: 3, each: 20 } : { turns: 60, each: 100 };
const messages: Extent = small ? { turns: 3, each: 50 } : { turns: 60, each: 500 };
const port = 8080;
const nodePort = 30_080;
const clusterBlock = "10.244.0.0/15";
const loadMs = 60_000;

await using stack = new AsyncDisposableStack();
const box = stack.use(new Sandbox());
const group = stack.use(new ControlGroup());
const talk = stack.use(new Talk(box));

/** A node with a client, a server, and so many services. */
type Side = { readonly node: PathNode; readonly client: PathPod; readonly server: PathPod; readonly service: string };

async function side(number: number, programs: boolean, count: number): Promise<Side> {
  const node = stack.use(new PathNode(box, number, { programs }));
  const [client, server] = [node.addPod(), node.addPod()];
  const crowd = serviceCrowd(count, `${server.address}:${port}`);
  load(node, programs, crowd);
  await talk.serve(server.netns, port);
  return { node, client, server, service: askedOf(crowd).address };
}

function load(node: PathNode, programs: boolean, crowd: readonly ProxiedService[]): void {
  if (programs) fillServices(node.path, crowd, [node.address]);
  else {
    for (const rules of kubeProxyRules(crowd, { clusterBlock, nodeAddresses: [node.address] })) {
      box.sh(node.netns, ["nft", "-f", "-"], { stdin: rules, timeoutMs: loadMs });
    }
  }
}

/** Sockets of this group are translated with the node's maps. */
function groupOf({ node }: Side, name: string): string {
  const cgroup = `${group.path}/${name}`;
  box.sh(node.netns, ["mkdir", cgroup]);
  stack.use(attachSockets({ datapath: node.path, cgroup, pins: undefined }));
  return cgroup;
}

function throughService({ client, service }: Side, cgroup?: string): TalkClient {
  return talk.client({ netns: client.netns, address: service, port: 80, ...(cgroup === undefined ? {} : { cgroup }) });
}

function straight({ client, server }: Side, cgroup?: string): TalkClient {
  const { address } = server;
  return talk.client({ netns: client.netns, address, port, ...(cgroup === undefined ? {} : { cgroup }) });
}

/** Whether the node translates the client's packets, as it should, or leaves that to the socket. */
async function mustTranslate({ node, service }: Side, client: TalkClient, isTranslated: boolean): Promise<void> {
  const { translations } = node.path.connections;
  await client.run("connect", 1);
  if ([...translations.entries()].some(([{ destination }]) => destination === ip(service)) !== isTranslated) {
    throw new Error(`Packets to ${service} are ${isTranslated ? "not " : ""}translated one by one`);
  }
}

/**
 * client ─ switch ─┬─ node 1, whose port is asked
 *                  └─ node 2, with the server
 */
async function outside(programs: boolean): Promise<TalkClient> {
  const [lan, client] = [box.netns("switch"), box.netns("client")];
  box.sh(lan, ["ip", "link", "add", "br0", "type", "bridge"]);
  box.sh(lan, ["ip", "link", "set", "br0", "up"]);
  plug(lan, "client", client, "172.30.0.100/24");
  const nodes = [1, 2].map((number) => {
    const node = stack.use(new PathNode(box, number, { programs }));
    plug(lan, `node${number}`, node.netns, `${node.address}/24`);
    return node;
  });
  const [first, second] = nodes as [PathNode, PathNode];
  first.routeTo(second);
  second.routeTo(first);
  const server = second.addPod();
  const crowd = serviceCrowd(some, `${server.address}:${port}`, nodePort);
  load(first, programs, crowd);
  if (programs) {
    const node = { ipv4: ip(first.address), ipv6: undefined };
    first.path.set({ node, firstPort: 61_000, lastPort: 65_535 });
    first.path.policy.identities.set(ip(first.address), 1);
  }
  await talk.serve(server.netns, port);
  return talk.client({ netns: client, address: first.address, port: nodePort });
}

function plug(lan: Netns, name: string, netns: Netns, address: string): void {
  join(box, [lan, name], [netns, "eth0", address]);
  box.sh(lan, ["ip", "link", "set", name, "master", "br0"]);
}

const own = [await side(1, true, few), await side(2, true, some), await side(3, true, many)] as const;
const rules = [await side(4, false, few), await side(5, false, some), await side(6, false, many)] as const;
const groups = own.map((each, index) => groupOf(each, `size${index}`));

await mustTranslate(own[0], throughService(own[0], groups[0]), false);
await mustTranslate(own[0], throughService(own[0]), true);

const connecting = await alternate(
  {
    straight: straight(own[0]),
    inGroup: straight(own[0], groups[0]),
    few: throughService(own[0], groups[0]),
    some: throughService(own[1], groups[1]),
    many: throughService(own[2], groups[2]),
    packets: throughService(own[0]),
    manyPackets: throughService(own[2]),
    fewRules: throughService(rules[0]),
    someRules: throughService(rules[1]),
    manyRules: throughService(rules[2]),
  },
  "connect",
  connections,
);
const pinging = await alternate(
  {
    straight: straight(own[0]),
    sockets: throughService(own[0], groups[0]),
    packets: throughService(own[0]),
    rules: throughService(rules[0]),
    nodePort: await outside(true),
    nodePortRules: await outside(false),
  },
  "ping",
  messages,
);

const counts = [few, some, many].map((count) => count.toLocaleString("en"));
const rows: readonly LatencyRow[] = [
  compare("connect, ask, close by ClusterIP, against straight to the pod", connecting.few, connecting.inGroup, 1.03),
  compare("the same, against sockets that no program looks at", connecting.few, connecting.straight),
  compare(`by ClusterIP with ${counts[2]} services, against ${counts[0]}`, connecting.many, connecting.few, 1.03),
  compare(`with ${counts[0]} services, against kube-proxy's rules`, connecting.few, connecting.fewRules, 1),
  compare(`with ${counts[1]} services, against kube-proxy's rules`, connecting.some, connecting.someRules, 1),
  compare(`with ${counts[2]} services, against kube-proxy's rules`, connecting.many, connecting.manyRules, 1),
  compare("connections translated per packet, against straight", connecting.packets, connecting.straight),
  compare("connections translated per packet, against kube-proxy's rules", connecting.packets, connecting.fewRules),
  compare(
    `per packet with ${counts[2]} services, against kube-proxy's rules`,
    connecting.manyPackets,
    connecting.manyRules,
  ),
  compare("messages by ClusterIP, against straight", pinging.sockets, pinging.straight),
  compare("messages translated per packet, against straight", pinging.packets, pinging.straight),
  compare("messages translated per packet, against kube-proxy's rules", pinging.packets, pinging.rules),
  compare("messages by a node's port to another's pod, against rules", pinging.nodePort, pinging.nodePortRules, 0.95),
];
printLatencies(rows);
if (!small) writeResults("services", { connections, messages, rows });
