// A node on which the built agent runs, beside an API server of its own: what a container runtime finds where Twill is the network.

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox, type Started } from "../sandbox.ts";
import { Node } from "./node.ts";
import { built, builtPlugins } from "./twill.ts";

const apiServer = new URL("../lab/api-process.ts", import.meta.url).pathname;
const apiAddress = "127.0.0.1";
const startWaitMs = 40_000;
/** Of the node, as the API server has it. */
export const nodeAddress = "172.30.0.11";

export type AgentEndpoint = {
  readonly pod: string | null;
  readonly addresses: readonly string[];
  readonly link: string;
};

/** It and all that is on it go with its stack. */
export class AgentNode {
  readonly node: Node;
  /** Where the agent writes the network's configuration, for the runtime. */
  readonly configDir: string;
  readonly pluginDir: string;
  readonly #config: string;
  #agent: Started | undefined;

  /** Resolves when a runtime may run pods. */
  static async start(resources: DisposableStack): Promise<AgentNode> {
    const agentNode = new AgentNode(resources.use(new Node(resources.use(new Sandbox()))));
    await agentNode.startAgent();
    return agentNode;
  }

  private constructor(node: Node) {
    this.node = node;
    node.sh(["ip", "address", "add", `${nodeAddress}/32`, "dev", "lo"]);
    node.start([process.execPath, apiServer, node.folder, apiAddress]);
    this.pluginDir = builtPlugins();
    this.configDir = join(node.folder, "net.d");
    for (const folder of ["net.d", "bpf"]) mkdirSync(join(node.folder, folder));
    this.#config = join(node.folder, "agent.yaml");
    const config = {
      cni: { folder: this.configDir },
      programs: { folder: join(node.folder, "bpf") },
      services: { enabled: false },
    };
    writeFileSync(this.#config, JSON.stringify(config));
  }

  async startAgent(): Promise<void> {
    const kubeconfig = join(this.node.folder, "kubeconfig");
    const flags = ["--config", this.#config, "--node", "node1", "--kubeconfig", kubeconfig];
    await this.#until("the API server listens", () => this.node.run(["test", "-e", kubeconfig]).exitCode === 0);
    this.#agent = this.node.start([built("twill"), "agent", ...flags]);
    await this.#until("the agent is ready", () => this.node.run([built("twill"), "status"]).exitCode === 0);
  }

  killAgent(): void {
    this.#agent?.kill();
  }

  endpoints(): readonly AgentEndpoint[] {
    return JSON.parse(this.node.sh([built("twill"), "endpoints", "--output", "json"])) as readonly AgentEndpoint[];
  }

  /** What the node has for pods: links, and routes to their addresses. */
  remains(): readonly string[] {
    const links = this.node.sh(["ip", "-br", "link", "show", "group", "29783"]);
    const routes = this.node.sh(["ip", "route"]);
    return `${links}\n${routes}`.split("\n").filter((line) => /^tw[0-9a-z]{11}@|^10\.244\.1\.\d+ /.test(line));
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    for (const end = performance.now() + startWaitMs; !holds(); await Bun.sleep(20)) {
      if (performance.now() > end)
        throw new Error(`Not within ${startWaitMs} ms: ${what}; the agent said:\n${this.#agent?.output()}`);
    }
  }
}
