// A lab with agents whose pods answer who they are and who asked, for one test.

import { readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pods, services } from "#kube/resource.ts";
import { processesIn } from "#lab/cgroup.ts";
import type { OutcomeReport } from "#lab/probe/attempt.ts";
import { placesOf } from "#lab/world/places.ts";
import { containerTarget } from "#lab/world/pod-target.ts";
import { groupOf, type TestLabs, waitMs, within } from "./lab.ts";
import { type Load, startLoad } from "./start-load.ts";

const maxLogLines = 30;
/** A service of three pods that always leads to the same one is broken. */
const maxTries = 30;

/** Where pods of the set `who` say every line back. */
export const echoPort = 9000;

/** Perl is on every Debian. Children that nobody waits for would keep their numbers, of which a machine has 32,768. */
const echoServer = `
use IO::Socket::IP;
$SIG{CHLD} = "IGNORE";
my $server = IO::Socket::IP->new(Listen => 5, LocalHost => "::", LocalPort => ${echoPort}, V6Only => 0, ReuseAddr => 1) or die $@;
while (my $client = $server->accept) { next if fork; $client->autoflush(1); print $client $_ while <$client>; exit }
`;

/** Answers on `port` who it is and who asked. */
const answering = (name: string, port: number) => ({ name, image: name, ports: [{ containerPort: port }] });

/** A pod on each node. */
const daemonSet = (name: string, spec: object) => ({
  apiVersion: "apps/v1",
  kind: "DaemonSet",
  metadata: { name },
  spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec } },
});

/** Says every line back. It is started when it does, and nobody asks again: a machine may be too busy to answer a probe in time. */
export const echoContainer = {
  ...{ name: "echo", image: "echo", command: ["perl", "-e", echoServer] },
  startupProbe: { tcpSocket: { port: echoPort }, periodSeconds: 1, failureThreshold: 60 },
};

/** Where the pods of each set answer. */
export const answerPorts = { who: 8080, peer: 8080, host: 8081 } as const;
export type SetName = keyof typeof answerPorts;

/** On each node two pods and one that shares the node's network, and a service of the first. */
const manifest = JSON.stringify({
  apiVersion: "v1",
  kind: "List",
  items: [
    daemonSet("who", { containers: [answering("who", answerPorts.who), echoContainer] }),
    daemonSet("peer", { containers: [answering("peer", answerPorts.peer)] }),
    daemonSet("host", {
      hostNetwork: true,
      dnsPolicy: "ClusterFirstWithHostNet",
      containers: [answering("host", answerPorts.host)],
    }),
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "who" },
      spec: {
        selector: { app: "who" },
        ipFamilyPolicy: "PreferDualStack",
        ports: [
          { name: "who", port: 80, targetPort: answerPorts.who },
          { name: "echo", port: echoPort, targetPort: echoPort },
        ],
      },
    },
  ],
});

export type Member = { readonly name: string; readonly node: string; readonly addresses: readonly string[] };

/** `await AgentLab.start(labs, "--nodes", "2")` */
export class AgentLab {
  readonly labs: TestLabs;
  readonly name: string;

  private constructor(labs: TestLabs) {
    this.labs = labs;
    this.name = labs.name();
  }

  static async start(labs: TestLabs, ...flags: readonly string[]): Promise<AgentLab> {
    const lab = new AgentLab(labs);
    labs.ok("up", lab.name, ...flags);
    await lab.load();
    return lab;
  }

  /** The pods, on nodes that are new too. Resolves when everybody reaches them all: nodes hear of a pod a moment after it is ready. */
  async load(): Promise<void> {
    const file = join(this.labs.folder, "who.json");
    writeFileSync(file, manifest);
    this.labs.ok("load", "--lab", this.name, "--wait", file);
    await within(waitMs, () => this.unreached().length === 0);
    const left = this.unreached();
    if (left.length > 0) throw new Error(`Not everybody reaches everybody: ${JSON.stringify(left)}`);
  }

  /** Who does not reach whom. The client outside knows no way to pods. */
  unreached(): readonly OutcomeReport[] {
    const outcomes = JSON.parse(this.labs.ok("probe", "--lab", this.name, "-o", "json")) as readonly OutcomeReport[];
    return outcomes.filter(({ from, kind, result }) => result !== "open" && (from !== "client" || kind !== "pod"));
  }

  /** Pods of one of the sets, in the order of their nodes. */
  async members(set: SetName = "who"): Promise<readonly Member[]> {
    const { items } = await this.labs.client(this.name).listAll(pods, { labelSelector: `app=${set}` });
    return items
      .map(({ metadata, spec, status }) => ({
        name: metadata.name,
        node: spec?.nodeName ?? "",
        addresses: (status?.podIPs ?? []).map(({ ip = "" }) => ip),
      }))
      .sort((a, b) => (a.node < b.node ? -1 : 1));
  }

  async serviceAddresses(): Promise<readonly string[]> {
    const { spec } = await this.labs.client(this.name).get(services, { namespace: "default", name: "who" });
    return spec?.clusterIPs ?? [];
  }

  /** Who answers, and the address that it sees the caller under. */
  answerTo(from: string, address: string, port: number): { readonly pod: string; readonly client: string } {
    return JSON.parse(this.labs.fetch(this.name, from, urlOf(address, port)));
  }

  seenBy(from: string, address: string, port: number): string {
    return this.answerTo(from, address, port).client;
  }

  /** The address that a pod which is not the caller sees, asked through the service. */
  seenThroughService(from: string, address: string): string {
    for (let tries = 0; tries < maxTries; tries++) {
      const { pod, client } = this.answerTo(from, address, 80);
      if (pod !== from) return client;
    }
    return `only itself after ${maxTries} tries`;
  }

  seenByInternet(from: string, address: string): string {
    return /greets (\S+)/.exec(this.labs.fetch(this.name, from, urlOf(address, 80)))?.[1] ?? "";
  }

  /**
   * Connects from inside of a pod to places that say lines back, until `end` is called (test/connection-load.ts).
   */
  async startLoad(pod: string, places: readonly string[]): Promise<Load> {
    const found = await this.labs.client(this.name).get(pods, { namespace: "default", name: pod });
    return await startLoad(containerTarget(placesOf(this.name, this.labs.folder), found), places);
  }

  /** @throws Error with the end of its log when it does not run */
  signalAgent(node: string, signal: "SIGKILL" | "SIGSTOP" | "SIGCONT"): void {
    const [pid] = this.#agentOf(node);
    if (pid === undefined) throw new Error(`The agent of ${node} has ended by itself: ${this.agentLog(node)}`);
    process.kill(pid, signal);
  }

  /** The last lines. */
  agentLog(node: string): string {
    const log = readFileSync(join(this.labs.folder, this.name, "nodes", node, "agent.log"), "utf8");
    return log.trimEnd().split("\n").slice(-maxLogLines).join("\n");
  }

  agentProgram(node: string): string {
    return readlinkSync(`/proc/${this.#agentOf(node)[0]}/exe`);
  }

  #agentOf(node: string): readonly number[] {
    return processesIn(join(groupOf(this.name), "nodes", node, "agent"));
  }
}

function urlOf(address: string, port: number): string {
  return `http://${address.includes(":") ? `[${address}]` : address}:${port}/`;
}

/** Where a pod or service of the set `who` says lines back. */
export function echoAt(address: string): string {
  return `[${address}]:${echoPort}`;
}

export function familyOf(address: string): "ipv4" | "ipv6" {
  return address.includes(":") ? "ipv6" : "ipv4";
}
