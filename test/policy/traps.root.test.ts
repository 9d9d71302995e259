// What policies are known to get wrong while things come, go and change, with real packets in a lab.
// Labels that change and policies that come and go are in cases/changes.ts, hairpins and the own node in every table and seed.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import type { PodSpec } from "kubernetes-types/core/v1";
import { askWorld } from "#cli/policy/question.ts";
import { nodes, pods, services } from "#kube/resource.ts";
import { processesIn } from "#lab/cgroup.ts";
import { clientAddress } from "#lab/fabric/addresses.ts";
import { addressesAnnotation } from "#model/pod.ts";
import { keepAnnotation } from "#model/policy/keep.ts";
import { echoAt, echoContainer, echoPort } from "#test/agent-lab.ts";
import { groupOf, TestLabs, waitMs, within } from "#test/lab.ts";
import { type Expectation, PolicyLab } from "./policy-lab.ts";

const namespace = "traps";
const limitMs = 180_000;
const port = 80;
const hostPort = 9080;

let labs: TestLabs;
let lab: PolicyLab;

const server = { name: "server", image: "server", ports: [{ containerPort: port }] };

function podObject(name: string, app: string, spec: PodSpec, annotations = {}) {
  return {
    ...{ apiVersion: "v1", kind: "Pod" },
    metadata: { namespace, name, labels: { app }, annotations },
    spec: { terminationGracePeriodSeconds: 0, ...spec },
  };
}

function policy(name: string, app: string, rules: object, annotations = {}) {
  return {
    ...{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy" },
    metadata: { namespace, name, annotations },
    spec: { podSelector: { matchLabels: { app } }, ...rules },
  };
}

const from = (app: string) => ({ podSelector: { matchLabels: { app } } });
const noIngress = { policyTypes: ["Ingress"] };
const noEgress = { policyTypes: ["Egress"] };

async function addressesOf(name: string): Promise<readonly string[]> {
  const pod = (await lab.pods()).get(`${namespace}/${name}`);
  return (pod?.status?.podIPs ?? []).map(({ ip = "" }) => ip);
}

/** Of IPv4. */
async function nodeAddresses(): Promise<readonly (string | undefined)[]> {
  const { items } = await lab.client.listAll(nodes);
  return items.map(({ status }) => status?.addresses?.find(({ type }) => type === "InternalIP")?.address);
}

function expectations(source: string, hosts: readonly string[], allowed: boolean): readonly Expectation[] {
  return hosts.map((host) => ({ from: source, host, port, protocol: "tcp", allowed }));
}

/** Gone from the API and from its node. */
async function removePod(name: string): Promise<void> {
  await lab.client.remove(pods, { namespace, name });
  const isGone = async () => !(await lab.pods()).has(`${namespace}/${name}`);
  if (!(await within(waitMs, isGone))) throw new Error(`${name} does not end`);
}

beforeAll(async () => {
  labs = await TestLabs.open();
  lab = await PolicyLab.start(labs, 2);
  lab.load([
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
    podObject("near", "server", { nodeName: "node1", containers: [server, echoContainer] }),
    podObject("far", "server", { nodeName: "node2", containers: [server, echoContainer] }),
    podObject("caller", "caller", { nodeName: "node1", containers: [server] }),
    {
      ...{ apiVersion: "v1", kind: "Service", metadata: { namespace, name: "server" } },
      spec: { selector: { app: "server" }, ipFamilyPolicy: "PreferDualStack", ports: [{ port: echoPort }] },
    },
  ]);
  await lab.findPods();
}, limitMs);

beforeEach(() => lab.remove());

afterAll(async () => {
  await labs[Symbol.asyncDispose]();
});

describe("an address", () => {
  test(
    "gives nobody the rights of the pod that had it, neither when that was deleted nor when it has ended",
    async () => {
      await lab.apply(policy("friends", "server", { ingress: [{ from: [from("friend")] }] }));
      await lab.settled();
      const hosts = [...(await addressesOf("near")), ...(await addressesOf("far"))];
      lab.load([podObject("friend", "friend", { nodeName: "node1", containers: [server] })]);
      await lab.findPods();
      await lab.settled();
      expect(await lab.differences(expectations(`${namespace}/friend`, hosts, true))).toEqual([]);
      const address = (await addressesOf("friend")).join();
      await removePod("friend");

      const same = { [addressesAnnotation]: address };
      lab.load([podObject("stranger", "stranger", { nodeName: "node1", containers: [server] }, same)]);
      await lab.findPods();
      expect((await addressesOf("stranger")).join()).toBe(address);
      expect(await lab.differences(expectations(`${namespace}/stranger`, hosts, false))).toEqual([]);
      await removePod("stranger");

      const ends = { name: "ends", image: "lab/shell", command: ["true"] };
      const spec = { nodeName: "node1", restartPolicy: "Never", containers: [ends] };
      await lab.client.create(pods, podObject("job", "friend", spec, same));
      const hasEnded = async () => (await lab.pods()).get(`${namespace}/job`)?.status?.phase === "Succeeded";
      expect(await within(waitMs, hasEnded)).toBe(true);
      lab.load([podObject("next", "stranger", { nodeName: "node1", containers: [server] }, same)]);
      await lab.findPods();
      expect((await addressesOf("next")).join()).toBe(address);
      expect(await lab.differences(expectations(`${namespace}/next`, hosts, false))).toEqual([]);
      await removePod("next");
      await removePod("job");
    },
    limitMs,
  );
});

/** Connects again and again from its first instruction, and prints a line for each try: `open 10.244.0.5`. */
const tries = `
use IO::Socket::IP;
$| = 1;
for (1 .. 8) {
  for my $host (@ARGV) {
    my $socket = IO::Socket::IP->new(PeerHost => $host, PeerPort => ${port}, Timeout => 0.1);
    print $socket ? "open" : "shut", " $host\\n";
  }
}
`;

describe("a new pod", () => {
  test(
    "is held to its policies by its first packet, and what they allow works with that packet",
    async () => {
      const [near, far] = [await addressesOf("near"), await addressesOf("far")];
      await lab.apply(policy("out", "early", { ...noEgress, egress: [{ to: near.map(blockOf) }] }));
      await lab.settled();
      const early = { name: "early", image: "lab/shell", command: ["perl", "-e", tries, ...near, ...far] };
      const spec = { nodeName: "node1", initContainers: [early], containers: [server] };
      lab.load([podObject("early", "early", spec)]);
      const lines = labs.ok("logs", "--lab", lab.name, `${namespace}/early`, "-c", "early").trim().split("\n");
      const line = (word: string) => (host: string) => `${word} ${host}`;
      const round = [...near.map(line("open")), ...far.map(line("shut"))];
      expect(lines).toEqual(Array.from({ length: 8 }, () => round).flat());
      await removePod("early");
    },
    limitMs,
  );

  test(
    "is never reached by whom its policies do not let in, from before it is there until it is",
    async () => {
      await lab.apply(policy("in", "late", { ingress: [{ from: [from("nobody")] }] }));
      await lab.settled();
      const spec = { nodeName: "node2", containers: [server] };
      lab.load([podObject("late", "late", spec)]);
      const hosts = await addressesOf("late");
      await removePod("late");
      // Whoever comes next has the same addresses, which are tried all the time.
      const same = { [addressesAnnotation]: hosts.join() };
      const seen = new Set<string | undefined>();
      let rounds = 0;
      for (let generation = 0; generation < 3; generation++) {
        await lab.client.create(pods, podObject("late", "late", spec, same));
        const isThere = async () => (await lab.pods()).get(`${namespace}/late`)?.status?.phase === "Running";
        const callers = ["caller", "far"].flatMap((name) => expectations(`${namespace}/${name}`, hosts, false));
        for (let after = 0; after < 3; rounds++) {
          for (const result of await lab.probe(callers, 60)) seen.add(result);
          if (await isThere()) after++;
        }
        await removePod("late");
      }
      expect(seen.has("open") || seen.has("refused")).toBe(false);
      expect(rounds).toBeGreaterThan(8);
      // It was there to be reached.
      lab.load([podObject("late", "free", spec, same)]);
      const free = ["caller", "far"].flatMap((name) => expectations(`${namespace}/${name}`, hosts, true));
      expect(await lab.differences(free)).toEqual([]);
      await removePod("late");
    },
    limitMs,
  );
});

function blockOf(address: string) {
  return { ipBlock: { cidr: `${address}/${address.includes(":") ? 128 : 32}` } };
}

/** Of the connections that were to stay. */
function brokenOf(faults: readonly string[]): readonly string[] {
  return faults.filter((fault) => fault.startsWith("the connection to ")).sort();
}

describe("a connection", () => {
  test(
    "that was begun before gets its answers, ends when a policy forbids it, and goes on where the policy says so",
    async () => {
      const service = await lab.client.get(services, { namespace, name: "server" });
      const own = [...(await addressesOf("near")), ...(await addressesOf("far"))];
      const hosts = [...own, ...(service.spec?.clusterIPs ?? [])];
      const load = () => lab.startLoad(`${namespace}/caller`, hosts.map(echoAt));

      const answered = await load();
      await lab.apply(policy("caller-in", "caller", noIngress));
      await lab.apply(policy("server-out", "server", noEgress));
      await lab.settled();
      await Bun.sleep(500);
      const { lines, made, faults } = await answered.end();
      expect(faults).toEqual([]);
      expect(Math.min(lines, made)).toBeGreaterThan(20);

      const kept = await load();
      await lab.apply(policy("server-in", "server", noIngress, { [keepAnnotation]: "true" }));
      await lab.settled();
      await Bun.sleep(500);
      const { faults: ofKept } = await kept.end();
      expect(brokenOf(ofKept)).toEqual([]);
      expect(ofKept.length).toBeGreaterThan(0);

      await lab.remove();
      await lab.settled();
      const cut = await load();
      await lab.apply(policy("server-in", "server", noIngress));
      await lab.settled();
      await Bun.sleep(500);
      const { faults: ofCut } = await cut.end();
      expect(brokenOf(ofCut).length).toBe(hosts.length);
    },
    limitMs,
  );
});

describe("ports of nodes", () => {
  test(
    "let in whom explain says: clients outside, pods and nodes, as who they are or as the node that they came through",
    async () => {
      const service = (name: string, externalTrafficPolicy: "Local" | "Cluster") => ({
        ...{ apiVersion: "v1", kind: "Service", metadata: { namespace, name } },
        spec: { type: "NodePort", externalTrafficPolicy, selector: { app: "front" }, ports: [{ port }] },
      });
      const front = { ...server, ports: [{ containerPort: port, hostPort }] };
      lab.load([
        podObject("front", "front", { nodeName: "node1", containers: [front] }),
        service("local", "Local"),
        service("cluster", "Cluster"),
      ]);
      await lab.findPods();
      const { items } = await lab.client.listAll(services, { namespace });
      const [own, other] = await nodeAddresses();
      const outside = items.filter(({ spec }) => spec?.type === "NodePort");
      const numbers = new Map(outside.map(({ metadata, spec }) => [metadata.name, spec?.ports?.[0]?.nodePort ?? 0]));
      const sources = ["client", "node1", "node2", `${namespace}/caller`, `${namespace}/far`];
      const places = sources.flatMap((from) =>
        [own, other].flatMap((host = "") => [
          ...[...numbers].flatMap(([name, at]) =>
            // Nobody answers where the pod is on another node.
            name === "local" && host === other && !isOn(from, "node2")
              ? []
              : [{ from, host, port: at, protocol: "tcp" as const, title: `${name} through ${host}` }],
          ),
          ...(host === own ? [{ from, host, port: hostPort, protocol: "tcp" as const, title: "the host's port" }] : []),
        ]),
      );
      const client = `${clientAddress.ipv4}/32`;
      const blocks = [
        { cidr: client },
        { cidr: "0.0.0.0/0", except: [client] },
        { cidr: `${own}/32` },
        { cidr: `${other}/32` },
      ];
      const peers = [...blocks.map((ipBlock) => ({ ipBlock })), from("caller"), from("server")];
      const seen = new Set<boolean>();
      const check = async (what: object) => {
        await lab.settled();
        const world = await lab.world();
        const asked = places.map((place) => {
          const source = place.from === "client" ? clientAddress.ipv4 : place.from;
          const answers = askWorld(world, source, `${place.host}:${place.port}/tcp`, undefined);
          return { ...place, allowed: answers.every(({ allowed }) => allowed) };
        });
        for (const { allowed } of asked) seen.add(allowed);
        expect([what, ...(await lab.differences(asked))]).toEqual([what]);
      };
      for (const peer of peers) {
        await lab.apply(policy("front", "front", { ingress: [{ from: [peer] }] }));
        await check(peer);
      }
      await lab.remove();
      // What another node translates is that node to whoever asks it.
      for (const to of [from("front"), { ipBlock: { cidr: `${own}/32` } }, { ipBlock: { cidr: `${other}/32` } }]) {
        for (const app of ["caller", "server"])
          await lab.apply(policy(app, app, { ...noEgress, egress: [{ to: [to] }] }));
        await check(to);
      }
      expect([...seen].length).toBe(2);
      await removePod("front");
    },
    limitMs,
  );
});

/** The pods of this file by their nodes. */
function isOn(from: string, node: string): boolean {
  return from === node || from === `${namespace}/${node === "node1" ? "caller" : "far"}`;
}

describe("agents", () => {
  test(
    "that are killed and come back open and close nothing",
    async () => {
      await lab.apply(policy("in", "server", { ingress: [{ from: [from("caller")] }] }));
      await lab.settled();
      const [near, far] = [await addressesOf("near"), await addressesOf("far")];
      const asked = [
        ...expectations(`${namespace}/caller`, [...near, ...far], true),
        ...expectations("node1", near, true),
        ...expectations("node2", far, true),
        // The own node always, other nodes not; servers do not let in each other.
        ...expectations("node1", far, false),
        ...expectations("node2", near, false),
        ...expectations(`${namespace}/near`, far, false),
        ...expectations(`${namespace}/far`, near, false),
      ];
      const differences: string[] = [];
      let [isOver, rounds] = [false, 0];
      const watching = (async () => {
        for (; !isOver; rounds++) differences.push(...(await lab.differences(asked)));
      })();
      for (let kill = 0; kill < 4; kill++) {
        for (const node of kill % 2 === 0 ? ["node1"] : ["node1", "node2"]) {
          const [pid] = processesIn(`${groupOf(lab.name)}/nodes/${node}/agent`);
          if (pid === undefined) throw new Error(`${node} has no agent`);
          process.kill(pid, "SIGKILL");
        }
        await Bun.sleep(400);
        expect((await labs.start("up", lab.name)).exitCode).toBe(0);
        await Bun.sleep(300);
      }
      isOver = true;
      await watching;
      expect(differences).toEqual([]);
      expect(rounds).toBeGreaterThan(8);
      await lab.settled();
    },
    limitMs,
  );
});
