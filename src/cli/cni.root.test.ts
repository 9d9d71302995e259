// `twill cni` runs Debian's reference plugins for real: ptp, host-local and portmap, seen through ip and iptables.

import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Netns, type Ran, Sandbox } from "#test/sandbox.ts";
import { needsTools } from "#test/tools.ts";

const referenceBin = "/usr/lib/cni";
const project = join(import.meta.dir, "../..");

/** The plugins work in the namespace that their runtime is in, so the command needs a process of its own there. */
const driver = `
  import { runCommand } from "#cli/run-command.ts";
  const [stdout, stderr] = [(text) => process.stdout.write(text), (text) => process.stderr.write(text)];
  const words = ["cni", ...process.argv.slice(1)];
  process.exitCode = await runCommand(words, { stdout, stderr, env: new Map(Object.entries(process.env)) });
`;

/** A namespace that plays a node, with a configured network `demo`. */
class Node {
  readonly #box: Sandbox;
  readonly netns: Netns;
  readonly dataDir: string;
  readonly cacheDir: string;
  readonly #confDir: string;

  constructor(box: Sandbox) {
    this.#box = box;
    this.netns = box.netns("node");
    this.dataDir = box.dir();
    this.cacheDir = box.dir();
    this.#confDir = box.dir();
    const ipam = {
      type: "host-local",
      dataDir: this.dataDir,
      ranges: [[{ subnet: "10.99.0.0/24" }]],
      routes: [{ dst: "0.0.0.0/0" }],
    };
    const ptp = { type: "ptp", ipMasq: true, mtu: 1400, ipam };
    this.configure("demo", [ptp, { type: "portmap", snat: true, capabilities: { portMappings: true } }]);
    this.configure("bare", [ptp]);
    this.configure("broken", [ptp, { type: "no-such-plugin" }]);
  }

  configure(name: string, plugins: readonly object[]): void {
    writeFileSync(join(this.#confDir, `${name}.conflist`), JSON.stringify({ cniVersion: "1.0.0", name, plugins }));
  }

  cni(args: readonly string[], env: Readonly<Record<string, string>> = {}): Ran {
    const command = [process.execPath, "--eval", driver, ...args, "--cache-dir", this.cacheDir];
    return this.#box.run(this.netns, command, {
      cwd: project,
      env: { CNI_PATH: referenceBin, NETCONFPATH: this.#confDir, ...env },
    });
  }

  /** `name mtu address/prefix` of each IPv4 address but the loopback's, seen by ip. */
  addresses(netns: Netns): readonly string[] {
    type Link = { ifname: string; mtu: number; addr_info: { family: string; local: string; prefixlen: number }[] };
    const links: Link[] = JSON.parse(this.#box.sh(netns, ["ip", "-j", "addr"]));
    return links
      .filter(({ ifname }) => ifname !== "lo")
      .flatMap(({ ifname, mtu, addr_info }) =>
        addr_info
          .filter(({ family }) => family === "inet")
          .map(({ local, prefixlen }) => `${ifname} ${mtu} ${local}/${prefixlen}`),
      );
  }

  /** `dst via gateway dev` of each IPv4 route. */
  routes(netns: Netns): readonly string[] {
    type Route = { dst: string; gateway?: string; dev: string };
    const routes: Route[] = JSON.parse(this.#box.sh(netns, ["ip", "-j", "-4", "route"]));
    return routes.map(({ dst, gateway, dev }) => `${dst}${gateway === undefined ? "" : ` via ${gateway}`} dev ${dev}`);
  }

  links(netns: Netns): number {
    return JSON.parse(this.#box.sh(netns, ["ip", "-j", "link"])).length;
  }

  /** The rules of the reference's own chains. */
  natRules(): readonly string[] {
    const saved = this.#box.sh(this.netns, ["iptables-save", "-t", "nat"]).split("\n");
    return saved.filter((line) => /^-A CNI-(DN-)?[0-9a-f]+ /.test(line));
  }

  /** Addresses that host-local holds, each with the container and interface it is for. */
  reserved(network: string): readonly string[] {
    const dir = join(this.dataDir, network);
    if (!existsSync(dir)) return [];
    return readdirSync(dir)
      .filter((name) => /^\d/.test(name))
      .sort()
      .map((name) => `${name} ${readFileSync(join(dir, name), "utf8").split(/\s+/).join(" ")}`);
  }

  cached(): readonly string[] {
    const dir = join(this.cacheDir, "results");
    return existsSync(dir) ? readdirSync(dir).sort() : [];
  }
}

function prepare(box: Sandbox): Node {
  needsTools("run the reference plugins", { iptables: "iptables", "iptables-save": "iptables", ip: "iproute2" });
  for (const plugin of ["ptp", "host-local", "portmap"]) {
    if (existsSync(join(referenceBin, plugin))) continue;
    throw new Error(
      `Cannot run ${referenceBin}/${plugin}: run make setup or apt-get install containernetworking-plugins`,
    );
  }
  return new Node(box);
}

const ports = { CAP_ARGS: '{"portMappings":[{"hostPort":8080,"containerPort":80,"protocol":"tcp"}]}' };

test("add wires a container through ptp, host-local and portmap, and del takes all of it back", () => {
  using box = new Sandbox();
  const node = prepare(box);
  const pod = box.netns("pod");

  const added = node.cni(["add", "demo", pod.path, "--container-id", "c1"], ports);
  expect(added.stderr).toBe("");
  const result = JSON.parse(added.stdout);
  expect(result.ips).toEqual([{ interface: 1, address: "10.99.0.2/24", gateway: "10.99.0.1" }]);
  expect(result.interfaces[1]).toMatchObject({ name: "eth0", sandbox: pod.path });
  expect(node.addresses(pod)).toEqual(["eth0 1400 10.99.0.2/24"]);
  expect(node.routes(pod)).toEqual([
    "default via 10.99.0.1 dev eth0",
    "10.99.0.0/24 via 10.99.0.1 dev eth0",
    "10.99.0.1 dev eth0",
  ]);
  expect(node.routes(node.netns)).toEqual([`10.99.0.2 dev ${result.interfaces[0].name}`]);
  expect(node.reserved("demo")).toEqual(["10.99.0.2 c1 eth0"]);
  expect(node.natRules().filter((rule) => rule.includes("--to-destination 10.99.0.2:80"))).toHaveLength(1);
  expect(node.cached()).toEqual(["demo-c1-eth0"]);

  expect(node.cni(["del", "demo", pod.path, "--container-id", "c1"], ports)).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "",
  });
  expect([node.links(pod), node.links(node.netns)]).toEqual([1, 1]);
  expect(node.reserved("demo")).toEqual([]);
  expect(node.natRules()).toEqual([]);
  expect(node.cached()).toEqual([]);
});

test("check passes while all is as add left it and fails when an address is gone", () => {
  using box = new Sandbox();
  const node = prepare(box);
  const pod = box.netns("pod");
  expect(node.cni(["add", "bare", pod.path]).exitCode).toBe(0);
  expect(node.cni(["check", "bare", pod.path])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  box.sh(pod, ["ip", "addr", "flush", "dev", "eth0"]);
  const { exitCode, stderr } = node.cni(["check", "bare", pod.path]);
  expect([exitCode, stderr]).toEqual([1, expect.stringContaining('plugin type="ptp" failed (check): ')]);
  expect(node.cni(["del", "bare", pod.path]).exitCode).toBe(0);
});

test("gc deletes what is cached and not kept", () => {
  using box = new Sandbox();
  const node = prepare(box);
  const pods = ["c1", "c2"].map((id) => ({ id, netns: box.netns(id) }));
  for (const { id, netns } of pods) {
    expect(node.cni(["add", "bare", netns.path, "--container-id", id]).exitCode).toBe(0);
  }
  expect(node.reserved("bare")).toEqual(["10.99.0.2 c1 eth0", "10.99.0.3 c2 eth0"]);
  expect(node.cni(["gc", "bare", "--keep", "c2:eth0"])).toEqual({ exitCode: 0, stdout: "", stderr: "" });
  expect(node.reserved("bare")).toEqual(["10.99.0.3 c2 eth0"]);
  expect(node.cached()).toEqual(["bare-c2-eth0"]);
  expect(pods.map(({ netns }) => node.links(netns))).toEqual([1, 2]);
});

test("a failed add leaves what the chain made before, and --undo takes it back", () => {
  using box = new Sandbox();
  const node = prepare(box);
  const pod = box.netns("pod");
  const missing = 'failed to find plugin "no-such-plugin" in path [/usr/lib/cni]';
  const failure = `plugin type="no-such-plugin" failed (add): ${missing}; install the plugin there, or name its folder in CNI_PATH\n`;
  expect(node.cni(["add", "broken", pod.path])).toEqual({ exitCode: 1, stdout: "", stderr: failure });
  expect([node.links(pod), node.reserved("broken").length]).toEqual([2, 1]);

  const other = box.netns("other");
  const { stderr } = node.cni(["add", "broken", other.path, "--container-id", "c2", "--undo"]);
  expect(stderr).toBe(
    `Cannot undo the failed add of container c2: plugin type="no-such-plugin" failed (delete): ${missing}\n${failure}`,
  );
  expect([node.links(other), node.reserved("broken").length]).toEqual([1, 1]);
});
