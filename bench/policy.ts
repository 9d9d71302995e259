// Messages and connections between two pods under many policies, beside none, and beside nftables. `bun bench/policy.ts [small]`

import { Policies } from "#agent/policy/policies.ts";
import type { Endpoint } from "#agent/state/endpoint.ts";
import type { PodModel } from "#model/pod.ts";
import { fromNetworkPolicy } from "#model/policy/network-policy.ts";
import type { PodParty } from "#model/policy/party.ts";
import type { PodEntry } from "#model/policy/resolve/population.ts";
import type { Policy } from "#model/policy/rule.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { PathNode, type PathPod } from "#test/path-node.ts";
import { Sandbox } from "#test/sandbox.ts";
import { alternate, compare, type Extent, type LatencyRow, printLatencies, type Turns } from "./alternate.ts";
import { bareVeth } from "./bare-veth.ts";
import { percentile } from "./driver.ts";
import { podFirewall } from "./pod-firewall.ts";
import { labelsOf, namespaceOf, podAt, podsPerNamespace, policyAt } from "./policy-world.ts";
import { Talk, type TalkClient } from "./talk.ts";
import { writeResults } from "./write-results.ts";

const small = process.argv[2] === "small";
const [namespaces, policyCount] = small ? [3, 30] : [100, 2_000];
const connections: Extent = small ? { turns: 3, each: 20 } : { turns: 60, each: 100 };
const messages: Extent = small ? { turns: 3, each: 50 } : { turns: 60, each: 500 };
/** In the first namespace: one of an application in front, and one of the application behind it that declares this port. */
const talkers = { client: 0, server: 10, port: 8081 } as const;
const loadMs = 60_000;

/** What lets the client ask, where policies are about it as well. */
const egress = fromNetworkPolicy({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { namespace: namespaceOf(0), name: "front-to-back" },
  spec: {
    podSelector: { matchLabels: { tier: "front" } },
    policyTypes: ["Egress"],
    egress: [{ to: [{ podSelector: { matchLabels: { tier: "back" } } }], ports: [{ port: talkers.port }] }],
  },
});
/** The one that is about the server. */
const onlyOne = [policyAt(namespaces, namespaces)];
const all = [...Array.from({ length: policyCount - 1 }, (_, index) => policyAt(index, namespaces)), egress];

await using stack = new AsyncDisposableStack();
const box = stack.use(new Sandbox());
const talk = stack.use(new Talk(box));

type Side = { readonly node: PathNode; readonly client: PathPod; readonly server: PathPod };

async function side(number: number, programs: boolean): Promise<Side> {
  const node = stack.use(new PathNode(box, number, { programs }));
  const [client, server] = [node.addPod(), node.addPod()];
  await talk.serve(server.netns, talkers.port);
  return { node, client, server };
}

/** All pods of the cluster; the two that talk have the addresses that they have here. */
function podsOf({ client, server }: Side): readonly PodEntry[] {
  return Array.from({ length: namespaces * podsPerNamespace }, (_, index) => {
    const pod = podAt(index, { everywhere: false });
    if (index === talkers.client) return { ...pod, addresses: [ip(client.address)] };
    return index === talkers.server ? { ...pod, addresses: [ip(server.address)] } : pod;
  });
}

/** Into the maps, by what does it in the agent of a node that has all pods that are local. */
function enforce(where: Side, cluster: readonly Policy[]): void {
  const { path } = where.node;
  const talking = new Map([where.client, where.server].map((pod) => [ip(pod.address), pod]));
  const policies = new Policies({
    ...{ datapath: path, cutEstablished: true, remembered: {}, remember: () => {}, log: () => {} },
    carry: (endpoint) => {
      const pod = endpoint.ipv4 === undefined ? undefined : talking.get(endpoint.ipv4);
      if (pod !== undefined) where.node.setPolicySet(pod, policies.policyOf(endpoint).policySet);
    },
  });
  const pods = podsOf(where);
  for (const [index, pod] of pods.entries()) if (pod.isLocal) policies.addEndpoint(endpointOf(pod, index + 1));
  for (let index = 0; index < namespaces; index++) policies.setNamespace(`ns-${index}`, labelsOf(index));
  for (const pod of pods) policies.setPod(`${pod.namespace}/${pod.name}`, modelOf(pod));
  for (const [index, policy] of cluster.entries()) policies.setPolicies(String(index), [policy]);
  policies.begin();
  if (policies.problems.length > 0) throw new Error(policies.problems.join());
}

function modelOf({ isLocal, ...pod }: PodEntry): PodModel {
  const node = isLocal ? "n1" : undefined;
  return { ...pod, uid: pod.name, fileUid: undefined, node, hostPorts: [], isApart: false, wish: undefined };
}

function endpointOf({ namespace, name, addresses: [ipv4] }: PodEntry, id: number): Endpoint {
  const addresses = { ipv4, ipv6: undefined, mac: mac("02:00:00:00:00:01"), hostMac: mac("02:00:00:00:00:ff") };
  const link = { ifname: "eth0", netns: "", hostName: name, ifindex: id, mtu: 1500, mapsPorts: false };
  const pod = { namespace, name, uid: name };
  return { id, network: "twill", containerId: name, pod, state: "ready", shaping: undefined, ...addresses, ...link };
}

function chainsFor(where: Side, policies: readonly Policy[]): void {
  const entries = podsOf(where);
  const parties = entries.map(
    ({ namespace, name, labels, addresses, ports }): PodParty => ({
      ...{ party: "pod", namespace, name, labels, addresses, node: undefined, ports },
      namespaceLabels: { ...labelsOf(Number(namespace.slice("ns-".length))), "kubernetes.io/metadata.name": namespace },
    }),
  );
  const locals = new Set(parties.filter((_, index) => entries[index]?.isLocal === true));
  for (const rules of podFirewall(policies, parties, (pod) => locals.has(pod))) {
    box.sh(where.node.netns, ["nft", "-f", "-"], { stdin: rules, timeoutMs: loadMs });
  }
}

function clientOf({ client, server }: Side): TalkClient {
  return talk.client({ netns: client.netns, address: server.address, port: talkers.port });
}

/** That policies are in force: another port of the server is closed to the client. */
async function mustForbid({ node, client, server }: Side, wanted: boolean): Promise<void> {
  await talk.serve(server.netns, talkers.port + 1);
  const command = `exec 3<>/dev/tcp/${server.address}/${talkers.port + 1}`;
  const { exitCode } = box.run(client.netns, ["timeout", "0.3", "bash", "-c", command]);
  if ((exitCode !== 0) !== wanted) throw new Error(`Node ${node.number} lets a forbidden connection pass, or no other`);
}

/** Connections a second that begin and end on one processor, one after another. */
function rate(us: Turns): number {
  return 1e6 / percentile(us, 0.5);
}

const [none, one, many, chains] = [await side(1, true), await side(2, true), await side(3, true), await side(4, false)];
enforce(one, onlyOne);
enforce(many, all);
chainsFor(chains, all);
await mustForbid(none, false);
for (const where of [one, many, chains]) await mustForbid(where, true);
const veth = bareVeth(box);
await talk.serve(veth.to, talkers.port);
const ways = () => ({ none: clientOf(none), one: clientOf(one), many: clientOf(many), chains: clientOf(chains) });
const bare = talk.client({ netns: veth.from, address: veth.address, port: talkers.port });
const pinging = await alternate({ veth: bare, ...ways() }, "ping", messages);
const connecting = await alternate(ways(), "connect", connections);

const count = policyCount.toLocaleString("en");
const rows: readonly LatencyRow[] = [
  compare(`messages with ${count} policies, against one`, pinging.many, pinging.one, 1.03),
  compare(`messages with ${count} policies, against a bare veth pair`, pinging.many, pinging.veth, 1.1),
  compare("messages with one policy, against a bare veth pair", pinging.one, pinging.veth, 1.1),
  compare("messages without policies, against a bare veth pair", pinging.none, pinging.veth),
  compare(`messages with ${count} policies, against chains of nftables`, pinging.many, pinging.chains, 1),
  compare(`connections with ${count} policies, against none`, connecting.many, connecting.none, 1.03),
  compare(`connections with ${count} policies, against chains of nftables`, connecting.many, connecting.chains, 1),
];
printLatencies(rows);
const rates = { many: rate(connecting.many), none: rate(connecting.none), chains: rate(connecting.chains) };
console.log(
  `new connections a second: ${rates.many.toFixed(0)} with ${count} policies, ${rates.none.toFixed(0)} with none, ${rates.chains.toFixed(0)} with chains`,
);
if (!small) writeResults("policy", { connections, messages, rows, connectionsPerSecond: rates });
