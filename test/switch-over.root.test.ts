// A node that switches from the reference's plugins to ours with containers running, and back: nothing stays for good.
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { Node } from "./peers/node.ts";
import { referencePlugins } from "./peers/reference-plugins.ts";
import { builtPlugins, nothingRemains, remains } from "./peers/twill.ts";
import { type Ran, Sandbox } from "./sandbox.ts";

setDefaultTimeout(120_000);

const ipam = {
  type: "host-local",
  ranges: [[{ subnet: "10.77.0.0/24" }], [{ subnet: "fd77::/64" }]],
  routes: [{ dst: "0.0.0.0/0" }, { dst: "::/0" }],
};
const portmap = {
  type: "portmap",
  runtimeConfig: {
    portMappings: [
      { hostPort: 8080, containerPort: 80, protocol: "tcp" },
      { hostPort: 5353, containerPort: 53, protocol: "udp", hostIP: "10.77.0.1" },
    ],
  },
};
const chains: Readonly<Record<string, readonly object[]>> = {
  bridge: [
    { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true, macspoofchk: true, ipam },
    portmap,
    { type: "firewall" },
  ],
  ptp: [{ type: "ptp", ipMasq: true, ipam }, portmap, { type: "firewall" }],
};
const plugins = { reference: referencePlugins(), ours: builtPlugins() };

/** A container and the calls of a runtime that keeps the last result. */
class Container {
  readonly #node: Node;
  readonly #id: string;
  readonly #chain: readonly object[];
  #result: object | undefined;

  constructor(node: Node, id: string, chain: readonly object[]) {
    this.#node = node;
    this.#id = id;
    this.#chain = chain;
    node.sh(["ip", "netns", "add", id]);
  }

  add(folder: string): void {
    for (const conf of this.#chain) this.#result = JSON.parse(this.#call(folder, "ADD", conf));
  }

  del(folder: string): void {
    for (const conf of this.#chain.toReversed()) this.#call(folder, "DEL", conf);
  }

  /** The reference's bridge and ptp fail once where a chain that they made is gone, after all else is done; runtimes try again. */
  delTwice(folder: string): void {
    for (const conf of this.#chain.toReversed()) this.#run(folder, "DEL", conf);
    this.del(folder);
  }

  #call(folder: string, command: string, conf: object): string {
    const { exitCode, stdout, stderr } = this.#run(folder, command, conf);
    expect([exitCode, exitCode === 0 ? "" : stdout + stderr]).toEqual([0, ""]);
    return stdout;
  }

  #run(folder: string, command: string, conf: object): Ran {
    const prevResult = this.#result === undefined ? {} : { prevResult: this.#result };
    const stdin = JSON.stringify({ cniVersion: "1.0.0", name: "net", ...conf, ...prevResult });
    const names = { CNI_CONTAINERID: this.#id, CNI_NETNS: `/run/netns/${this.#id}`, CNI_IFNAME: "eth0" };
    const env = { CNI_COMMAND: command, CNI_PATH: folder, ...names };
    return this.#node.run([join(folder, (conf as { type: string }).type)], { stdin, env });
  }
}

/** The rules that speak of a container, by their words and without counters. */
function rulesOf(node: Node, ...words: readonly string[]): readonly string[] {
  const lines = node.sh(["nft", "list", "ruleset"]).split("\n");
  return lines.map((line) => line.trim()).filter((line) => words.some((word) => line.includes(word)));
}

describe.each(Object.entries(chains))("%s, portmap and firewall", (_, chain) => {
  test("ours take back what the reference made, and leave another container's rules", () => {
    using box = new Sandbox();
    using node = new Node(box);
    const [first, second] = [new Container(node, "c1", chain), new Container(node, "c2", chain)];
    first.add(plugins.reference);
    // All that is there for one container, with the chains that the reference keeps for good.
    const alone = node.sh(["nft", "--stateless", "list", "ruleset"]);
    second.add(plugins.reference);
    expect(rulesOf(node, "10.77.0.3", "fd77::3").length).toBeGreaterThan(4);
    second.del(plugins.ours);
    second.del(plugins.ours);
    expect(node.sh(["nft", "--stateless", "list", "ruleset"])).toBe(alone);
    first.del(plugins.ours);
    expect(rulesOf(node, "10.77.0.2", "fd77::2", "c1", "CNI-DN-")).toEqual([]);
    expect(remains(node)).toEqual(nothingRemains);
  });

  test("the reference takes back what ours made, but for elements of nftables, which our GC frees", () => {
    using box = new Sandbox();
    using node = new Node(box);
    const one = new Container(node, "c1", chain);
    one.add(plugins.ours);
    one.delTwice(plugins.reference);
    expect(node.sh(["ip", "-j", "route", "show", "10.77.0.2"])).not.toContain("10.77.0.2");
    expect(rulesOf(node, "10.77.0.2", "fd77::2").length).toBeGreaterThan(0);
    for (const conf of chain) {
      const stdin = JSON.stringify({ cniVersion: "1.1.0", name: "net", ...conf, "cni.dev/valid-attachments": [] });
      const env = { CNI_COMMAND: "GC", CNI_PATH: plugins.ours };
      node.sh([join(plugins.ours, (conf as { type: string }).type)], { stdin, env });
    }
    expect(rulesOf(node, "10.77.0.2", "fd77::2")).toEqual([]);
  });
});
