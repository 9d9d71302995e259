// An agent in this process whose node is a namespace of the test's own, with an API server in memory, called by the real shim.

import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type AgentConfig, parseConfig } from "#agent/config/config.ts";
import { Agent } from "#agent/main.ts";
import { pace } from "#cli/pace.ts";
import { Netns } from "#kernel/netns.ts";
import type { Transport } from "#kube/transport.ts";
import { OpenHost } from "#plugins/host.ts";
import { SweepingRemover } from "#plugins/link-remover.ts";
import { ownNamespaces } from "#plugins/service/identity.ts";
import { BareServer } from "./lab/bare-server.ts";
import { type Netns as BoxNetns, Sandbox } from "./sandbox.ts";
import { Shim } from "./shim.ts";
import { until } from "./until.ts";

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

/** The node's, of each family. */
const ownAddresses = ["172.30.0.11", "fd00:30::11"];

export class TestAgentNode implements AsyncDisposable {
  readonly name: string;
  netns: BoxNetns;
  readonly folder: string;
  config: AgentConfig;
  readonly server: BareServer;
  readonly log: string[] = [];
  /** What the test adds to the wall clock. */
  aheadMs = 0;
  readonly #box: Sandbox;
  readonly #shim: Shim;
  readonly #stack = new DisposableStack();
  #running: { readonly agent: Agent; readonly stack: DisposableStack } | undefined;

  private constructor(box: Sandbox, server: BareServer, name: string, programs: string, services: string) {
    this.#box = box;
    this.server = server;
    this.name = name;
    this.netns = this.#makeNamespace();
    this.folder = box.dir();
    this.#shim = new Shim(box.dir());
    for (const sub of ["net.d", "bpf"]) mkdirSync(join(this.folder, sub));
    this.config = parseConfig(`
programs: ${programs.replace("BPF", `${this.folder}/bpf`)}
services: ${services}
cni: { folder: ${this.folder}/net.d, deletes: ${this.folder}/deletes }
state: { folder: ${this.folder}/state }`);
  }

  /** Another agent with these parts of its configuration in the place of the one that runs. */
  async restartWith(services: string, programs: Partial<AgentConfig["programs"]> = {}): Promise<void> {
    await this.stopAgent();
    const { services: changed } = parseConfig(`services: ${services}`);
    this.config = { ...this.config, services: changed, programs: { ...this.config.programs, ...programs } };
    await this.startAgent();
  }

  /**
   * Makes the node's object with these blocks, and starts the agent. `programs` and `services` are those parts of its configuration, BPF
   * a folder for it.
   */
  static async start(
    box: Sandbox,
    server: BareServer,
    blocks: readonly string[],
    { name = "n1", programs = "{ folder: BPF }", services = "{ enabled: false }" } = {},
  ): Promise<TestAgentNode> {
    const node = new TestAgentNode(box, server, name, programs, services);
    await server.addNode(name, blocks, ownAddresses);
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
      client: this.server.client,
      host,
      identity: ownNamespaces(),
      socket: this.socket,
      pace,
      log: (line) => this.log.push(line),
    });
    this.#running = { agent, stack: stack.move() };
    await until(() => agent.unready() === undefined, "the agent is ready");
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

  /** As a machine that was restarted: all links are gone. The agent must not run. */
  moveToNewNamespace(): void {
    this.netns = this.#makeNamespace();
  }

  /** Puts the state on a file system of its own, of this size. The agent must not run. */
  limitState(size: string): void {
    this.#box.sh(this.netns, ["mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", this.config.state.folder]);
  }

  #makeNamespace(): BoxNetns {
    const netns = this.#box.netns(this.name);
    for (const address of ownAddresses) this.#box.sh(netns, ["ip", "address", "add", address, "dev", "lo"]);
    return netns;
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

/** A node with an agent, and everything that it lives on. */
export async function startNode(
  blocks: readonly string[],
  options: {
    readonly programs?: string;
    readonly services?: string;
    /** What is between the API server and its clients. */
    readonly through?: (transport: Transport) => Transport;
  } = {},
) {
  await using stack = new AsyncDisposableStack();
  const box = stack.use(new Sandbox());
  const server = stack.use(new BareServer(options.through));
  const node = stack.use(await TestAgentNode.start(box, server, blocks, options));
  const owned = stack.move();
  return { box, server, node, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
