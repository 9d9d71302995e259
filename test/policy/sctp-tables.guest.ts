// The truth tables that tell SCTP from other protocols, with associations of SCTP: pods of one node, and policies as an agent writes them.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Policies } from "#agent/policy/policies.ts";
import type { Endpoint } from "#agent/state/endpoint.ts";
import type { ClusterNetworkPolicy, NetworkPolicy, Pod } from "#kube/kinds.ts";
import { splitLines } from "#kube/lines.ts";
import { toPodModel } from "#model/pod.ts";
import { fromClusterNetworkPolicy } from "#model/policy/cluster-network-policy.ts";
import { fromNetworkPolicy } from "#model/policy/network-policy.ts";
import { ip } from "#net/ip.ts";
import { PathNode, type PathPod } from "#test/path-node.ts";
import { Sandbox } from "#test/sandbox.ts";
import { type Cell, cells, expected, ports } from "./cases/case.ts";
import { cases } from "./cases/cases.ts";
import { play } from "./cases/play.ts";
import type { OracleCluster } from "./oracle-objects.ts";
import { objectsOf } from "./oracle-to-objects.ts";

const script = new URL("sctp.py", import.meta.url).pathname;
const own = cases.filter(({ steps }) => /sctp/i.test(JSON.stringify(steps)));
/** Whom these cases tell apart; more would take an emulated processor long. */
const present: readonly string[] = ["x/a", "x/b", "y/a", "z/c"];
const sctpCells = cells.filter(
  ({ protocol, from, to }) => protocol === "SCTP" && from !== to && present.includes(from) && present.includes(to),
);

let box: Sandbox;
let node: PathNode;
let policies: Policies;
let sockets: Bun.Subprocess<"pipe", "pipe", "inherit">;
let answers: AsyncIterator<string>;
const pods = new Map<string, PathPod>();
let known: ReadonlySet<string> = new Set();

beforeAll(() => {
  box = new Sandbox();
  node = new PathNode(box, 0);
  policies = new Policies({
    datapath: node.path,
    carry: (endpoint) => {
      const pod = pods.get(endpoint.containerId);
      if (pod !== undefined) node.setPolicySet(pod, policies.policyOf(endpoint).policySet);
    },
    cutEstablished: true,
    remembered: {},
    remember: () => {},
    log: () => {},
  });
  for (const name of present) {
    const pod = node.addPod();
    pods.set(name, pod);
    policies.addEndpoint(endpointOf(name, pod));
  }
  policies.begin();
  sockets = Bun.spawn(["python3", script], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
  answers = splitLines(sockets.stdout)[Symbol.asyncIterator]();
  const servers = [...pods.values()].flatMap(({ netns, address, address6 }) =>
    [address, address6].flatMap((each) => ports.map((port) => [netns.path, each, port])),
  );
  sockets.stdin.write(`${JSON.stringify(servers)}\n`);
});

afterAll(async () => {
  sockets.stdin.end();
  await sockets.exited;
  node[Symbol.dispose]();
  box[Symbol.dispose]();
});

/** Nothing but what policies need to know of one. */
function endpointOf(name: string, { address, address6 }: PathPod): Endpoint {
  const [namespace = "", own = ""] = name.split("/");
  const pod = { namespace, name: own, uid: "" };
  return { containerId: name, ifname: "eth0", pod, ipv4: ip(address), ipv6: ip(address6) } as Endpoint;
}

/** What an agent does that has seen all of it. */
function enforce(cluster: OracleCluster): void {
  const named = new Set<string>();
  for (const object of objectsOf(cluster)) {
    const policy = policyOf(object);
    if (policy === undefined) continue;
    const id = `${policy.origin.kind} ${policy.origin.namespace}/${policy.origin.name}`;
    policies.setPolicies(id, [policy]);
    named.add(id);
  }
  for (const id of known) if (!named.has(id)) policies.setPolicies(id, []);
  known = named;
  for (const [name, labels] of Object.entries(cluster.namespaces)) policies.setNamespace(name, labels);
  for (const object of objectsOf(cluster)) {
    if (object.kind !== "Pod") continue;
    const model = toPodModel(object as unknown as Pod);
    const key = `${model.namespace}/${model.name}`;
    const pod = pods.get(key);
    if (pod !== undefined) policies.setPod(key, { ...model, addresses: [ip(pod.address), ip(pod.address6)] });
  }
  policies.flush();
}

function policyOf(object: { readonly kind: string }) {
  if (object.kind === "NetworkPolicy") return fromNetworkPolicy(object as unknown as NetworkPolicy);
  if (object.kind === "ClusterNetworkPolicy")
    return fromClusterNetworkPolicy(object as unknown as ClusterNetworkPolicy);
  return undefined;
}

/** Associations that end otherwise than the table says. */
async function differences(asked: readonly Cell[], wanted: (cell: Cell) => boolean, v6: boolean) {
  const addressOf = (name: string) => {
    const { netns, address, address6 } = pods.get(name) ?? {};
    return { netns: netns?.path ?? "", address: (v6 ? address6 : address) ?? "" };
  };
  const connections = asked.map(({ from, to, port }) => {
    const { netns, address } = addressOf(from);
    return [netns, address, addressOf(to).address, port];
  });
  sockets.stdin.write(`${JSON.stringify(connections)}\n`);
  const results = JSON.parse((await answers.next()).value ?? "[]") as readonly string[];
  return asked.flatMap((cell, index) => {
    const should = wanted(cell) ? "open" : "silent";
    const { from, to, port } = cell;
    return results[index] === should
      ? []
      : [`${from} → ${to} sctp/${port} should be ${should} and is ${results[index]}`];
  });
}

describe("associations of SCTP fill the tables", () => {
  test("which tell it from other protocols", () => expect(own.length).toBeGreaterThan(2));

  for (const [index, each] of own.entries()) {
    const v6 = index % 2 === 1;
    test(`${each.name}, IPv${v6 ? 6 : 4}`, async () => {
      for (const [step, { cluster, expect: table }] of play(each, v6).entries()) {
        enforce(cluster);
        expect([step, ...(await differences(sctpCells, (cell) => expected(table, cell), v6))]).toEqual([step]);
      }
    });
  }
});
