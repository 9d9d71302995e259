// A container with an interface, and runs of a chained plugin on it, ours or the reference's.

import type { Outcome, Plugin } from "#cni/plugin.ts";
import { runPlugin } from "#cni/serve-plugin.ts";
import type { Host } from "#plugins/host.ts";
import { testHost } from "./host.ts";
import type { Netns, Sandbox } from "./sandbox.ts";
import { skipDuplicateChecks } from "./settled.ts";

export type ChainedCall = {
  readonly conf?: object;
  readonly cniVersion?: string;
  /** False: none is sent. */
  readonly prevResult?: object | false;
  readonly netns?: string;
  readonly ifname?: string;
  readonly containerId?: string;
  readonly args?: string;
  readonly network?: string;
};

export const referenceDir = "/usr/lib/cni";

/** A node and a container, joined by a veth pair: `host0` there, `eth0` with 10.1.0.2/24 and fd00:1::2/64 here. */
export class ChainedBox implements Disposable {
  readonly box: Sandbox;
  readonly node: Netns;
  readonly container: Netns;
  readonly host: ReturnType<typeof testHost>;

  constructor(box: Sandbox) {
    this.box = box;
    this.node = box.netns("node");
    this.container = box.netns("pod");
    // Link-local addresses come with their links, not seconds later.
    skipDuplicateChecks(box, this.node, this.container);
    this.addInterface("host0", "eth0", ["10.1.0.2/24", "fd00:1::2/64"]);
    this.host = testHost(box, this.node);
  }

  addInterface(near: string, ifname: string, addresses: readonly string[]): void {
    const { box, node, container } = this;
    box.sh(node, ["ip", "link", "add", near, "type", "veth", "peer", "name", ifname, "netns", container.name]);
    box.sh(node, ["ip", "link", "set", near, "up"]);
    this.ip(`link set ${ifname} up`);
    for (const address of addresses) {
      this.ip(`addr add ${address} dev ${ifname} ${address.includes(":") ? "nodad" : ""}`.trim());
    }
  }

  /** Runs `ip` in the container; JSON with `-j`. */
  ip(command: string): string {
    return this.box.sh(this.container, ["ip", ...command.split(" ")]);
  }

  /** What the plugin that made the interface would have answered. */
  get prevResult(): object {
    return {
      interfaces: [{ name: "host0" }, { name: "eth0", sandbox: this.container.path }],
      ips: [
        { interface: 1, address: "10.1.0.2/24", gateway: "10.1.0.1" },
        { interface: 1, address: "fd00:1::2/64", gateway: "fd00:1::1" },
      ],
      routes: [],
      dns: {},
    };
  }

  run(plugin: Plugin<Host>, command: string, call: ChainedCall = {}): Promise<Outcome> {
    const { env, stdin } = this.#invocation(plugin.name, command, call);
    const bytes = new TextEncoder().encode(stdin);
    return runPlugin(plugin, { plugin: plugin.name, env: new Map(Object.entries(env)), stdin: bytes }, this.host);
  }

  /** As `run`, and fails the test when the plugin does. The result of ADD. */
  async must(plugin: Plugin<Host>, command: string, call: ChainedCall = {}): Promise<Record<string, unknown>> {
    return answer(await this.run(plugin, command, call));
  }

  /** The code and message with which the plugin refuses. */
  async refused(plugin: Plugin<Host>, command: string, call: ChainedCall = {}): Promise<{ code: number; msg: string }> {
    const { exitCode, stdout } = await this.run(plugin, command, call);
    if (exitCode === 0) throw new Error(`${plugin.name} ${command} succeeded: ${stdout}`);
    return JSON.parse(stdout);
  }

  /** The reference's plugin of that name, on the same node and container. */
  reference(name: string, command: string, call: ChainedCall = {}): Record<string, unknown> {
    const { env, stdin } = this.#invocation(name, command, { cniVersion: "1.0.0", ...call });
    return answer(this.box.run(this.node, [`${referenceDir}/${name}`], { env, stdin }));
  }

  [Symbol.dispose](): void {
    this.host[Symbol.dispose]();
  }

  #invocation(type: string, command: string, call: ChainedCall) {
    const { cniVersion = "1.1.0", netns = this.container.path, ifname = "eth0", containerId = "pod1" } = call;
    const prev = call.prevResult ?? this.prevResult;
    const conf = {
      ...{ cniVersion, name: call.network ?? "net", type },
      ...(prev === false ? {} : { prevResult: { cniVersion, ...prev } }),
      ...call.conf,
    };
    const env = {
      ...{ CNI_COMMAND: command, CNI_CONTAINERID: containerId, CNI_NETNS: netns, CNI_IFNAME: ifname },
      ...{ CNI_PATH: referenceDir, CNI_ARGS: call.args ?? "" },
    };
    return { env, stdin: JSON.stringify(conf) };
  }
}

function answer({ exitCode, stdout, stderr }: Outcome): Record<string, unknown> {
  if (exitCode !== 0) throw new Error(`The plugin failed: ${stdout}${stderr}`);
  return stdout === "" ? {} : JSON.parse(stdout);
}
