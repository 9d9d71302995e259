// An agent in this process whose node is a namespace of the test's own, with an API server in memory, called by the real shim.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AgentConfig, parseConfig } from "#agent/config/config.ts";
import { Agent } from "#agent/main.ts";
import { Netns } from "#kernel/netns.ts";
import { nodes } from "#kube/resource.ts";
import { OpenHost } from "#plugins/host.ts";
import { SweepingRemover } from "#plugins/link-remover.ts";
import { ownNamespaces } from "#plugins/service/identity.ts";
import { pace, type TestCluster } from "./lab/cluster.ts";
import type { Netns as BoxNetns, Sandbox } from "./sandbox.ts";
import { Shim } from "./shim.ts";

/** As a result is printed. */
export type PrintedResult = {
  readonly cniVersion: string;
  readonly ips: readonly { readonly address: string }[];
  readonly interfaces?: readonly { readonly name: string; readonly mac?: string; readonly sandbox?: string }[];
};

export type CniRun = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

export type CniChanges = {
  readonly ifname?: string;
  readonly args?: string;
  /** `undefined` as a pod: the call has no namespace. */
  readonly conf?: object;
};

export class TestAgentNode implements AsyncDisposable {
  readonly name: string;
  readonly netns: BoxNetns;
  readonly folder: string;
  readonly config: AgentConfig;
  readonly cluster: TestCluster;
  readonly log: string[] = [];
  /** What the test adds to the wall clock. */
  aheadMs = 0;
  readonly #box: Sandbox;
  readonly #shim: Shim;
  readonly #stack = new DisposableStack();
  #running: { readonly agent: Agent; readonly stack: DisposableStack } | undefined;

  private constructor(box: Sandbox, cluster: TestCluster, name: string, yaml: string) {
    this.#box = box;
    this.cluster = cluster;
    this.name = name;
    this.netns = box.netns(name);
    for (const address of ["172.30.0.11/32", "fd00:30::11/128"]) this.sh("ip", "address", "add", address, "dev", "lo");
    this.folder = box.dir();
    this.#shim = new Shim(box.dir());
    for (const sub of ["net.d", "bpf"]) mkdirSync(join(this.folder, sub));
    this.config = parseConfig(`
programs: { folder: ${this.folder}/bpf }
cni: { folder: ${this.folder}/net.d, deletes: ${this.folder}/deletes }
state: { folder: ${this.folder}/state }
${yaml}`);
  }

  /** Makes the node's object with these blocks, and starts the agent. `yaml` adds to its configuration. */
  static async start(
    box: Sandbox,
    cluster: TestCluster,
    blocks: readonly string[],
    { name = "n1", yaml = "" } = {},
  ): Promise<TestAgentNode> {
    const node = new TestAgentNode(box, cluster, name, yaml);
    await cluster.client.create(nodes, { metadata: { name }, spec: { podCIDRs: [...blocks] } });
    await node.startAgent();
    return node;
  }

  get socket(): string {
    return join(this.folder, "plugins.sock");
  }

  get agent(): Agent {
    if (this.#running === undefined) throw new Error("The agent does not run");
    return this.#running.agent;
  }

  async startAgent(): Promise<void> {
    using stack = new DisposableStack();
    const remover = stack.use(
      new SweepingRemover((run, ms) => {
        setTimeout(run, ms);
      }),
    );
    const host = stack.use(
      new OpenHost({
        netns: stack.use(new Netns(this.netns.path)),
        runDir: join(this.folder, "run"),
        remover,
        random: (bytes) => crypto.getRandomValues(bytes),
        now: () => Date.now() + this.aheadMs,
        sleep: (ms) => Bun.sleep(ms),
      }),
    );
    const agent = await Agent.start({
      config: this.config,
      nodeName: this.name,
      client: this.cluster.client,
      host,
      identity: ownNamespaces(),
      socket: this.socket,
      pace,
      log: (line) => this.log.push(line),
    });
    this.#running = { agent, stack: stack.move() };
    await this.cluster.until("the agent is ready", () => Promise.resolve(agent.unready() === undefined || undefined));
  }

  async stopAgent(): Promise<void> {
    await this.#running?.agent[Symbol.asyncDispose]();
    this.#running?.stack.dispose();
    this.#running = undefined;
  }

  /** Calls the shim as a runtime does. */
  cni(command: string, containerId: string, netns: string, changes: CniChanges = {}): Promise<CniRun> {
    const { ifname = "eth0", args = "", conf = {} } = changes;
    const env = {
      TWILL_PLUGINS_SOCKET: this.socket,
      TWILL_DELETES: this.config.cni.deletes,
      CNI_COMMAND: command,
      CNI_CONTAINERID: containerId,
      CNI_NETNS: netns,
      CNI_IFNAME: ifname,
      CNI_ARGS: args,
      CNI_PATH: "/nowhere",
    };
    const stdin = JSON.stringify({ cniVersion: "1.1.0", name: "twill", type: "twill", ...conf });
    return this.#shim.run({ plugin: "twill", env, stdin });
  }

  /** Makes a pod's namespace and wires it; throws what the plugin printed. */
  async addPod(containerId: string, changes: CniChanges = {}): Promise<{ netns: BoxNetns; result: PrintedResult }> {
    const netns = this.#box.netns(containerId);
    return { netns, result: await this.add(containerId, netns.path, changes) };
  }

  async add(containerId: string, netns: string, changes: CniChanges = {}): Promise<PrintedResult> {
    const { exitCode, stdout } = await this.cni("ADD", containerId, netns, changes);
    if (exitCode !== 0) throw new Error(stdout);
    return JSON.parse(stdout) as PrintedResult;
  }

  sh(...command: readonly string[]): string {
    return this.#box.sh(this.netns, [...command]);
  }

  conflist(): string {
    return readFileSync(join(this.config.cni.folder, this.config.cni.file), "utf8");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopAgent();
    this.#stack.dispose();
  }
}

/** The address of a result, by its place, without the prefix length. */
export function addressAt({ ips }: PrintedResult, index: number): string {
  return ips[index]?.address.replace(/\/.*/, "") ?? "";
}
