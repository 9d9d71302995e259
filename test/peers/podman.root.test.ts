// The harness works: podman runs containers through Debian's own plugins.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "../sandbox.ts";
import { Node } from "./node.ts";
import { Podman } from "./podman.ts";
import { referencePlugins } from "./reference-plugins.ts";

setDefaultTimeout(120_000);

describe("podman", () => {
  const resources = new DisposableStack();
  let node: Node;
  let podman: Podman;

  beforeAll(() => {
    const box = resources.use(new Sandbox());
    node = resources.use(new Node(box));
    const configDir = join(node.folder, "net.d");
    mkdirSync(configDir);
    writeFileSync(join(configDir, "net.conflist"), JSON.stringify(network("net", "10.88.0.0/24")));
    writeFileSync(join(configDir, "more.conflist"), JSON.stringify(network("more", "10.89.0.0/24")));
    podman = new Podman({ node, pluginDirs: [referencePlugins()], configDir, defaultNetwork: "net" });
  });
  afterAll(() => resources.dispose());

  test("runs a command in a container with the address and the MAC that were asked for", () => {
    const mac = "02:00:00:00:00:05";
    const options = ["--rm", "--ip", "10.88.0.5", "--mac-address", mac];
    const shown = podman.sh(["run", ...options, podman.image, "ip", "address", "show", "eth0"]);
    expect(shown).toContain("inet 10.88.0.5/24");
    expect(shown).toContain(`link/ether ${mac}`);
  });

  test("joins two networks and maps a port", () => {
    // Left to itself, podman deals out the interface names in random order.
    const networks = ["--network", "net:interface_name=eth0", "--network", "more:interface_name=eth1"];
    const options = ["--detach", "--name", "two", "--publish", "8081:80"];
    podman.sh(["run", ...options, ...networks, podman.image, "sleep", "3600"]);
    const shown = podman.sh(["exec", "two", "ip", "-o", "-4", "address", "show"]);
    expect(shown).toMatch(/eth0 +inet 10\.88\.0\.\d+\/24/);
    expect(shown).toMatch(/eth1 +inet 10\.89\.0\.\d+\/24/);
    expect(node.sh(["iptables-save", "-t", "nat"])).toMatch(/--to-destination 10\.8[89]\.0\.\d+:80/);
    expect(readdirSync(node.outside("/run/netns"))).toHaveLength(1);
    podman.sh(["rm", "--force", "--time", "0", "two"]);
    expect(readdirSync(node.outside("/run/netns"))).toHaveLength(0);
    expect(node.sh(["iptables-save", "-t", "nat"])).not.toContain("--to-destination");
  });

  test("run() hands back a failure of a plugin", () => {
    const ran = podman.run(["run", "--rm", "--ip", "192.0.2.1", podman.image, "true"]);
    expect(ran.exitCode).not.toBe(0);
    expect(ran.stderr).toContain("192.0.2.1");
  });
});

function network(name: string, subnet: string): object {
  const capabilities = { ips: true, mac: true };
  const ipam = { type: "host-local", ranges: [[{ subnet }]], routes: [{ dst: "0.0.0.0/0" }] };
  const bridge = { type: "bridge", bridge: name, isGateway: true, ipMasq: true, ipam, capabilities };
  const portmap = { type: "portmap", capabilities: { portMappings: true } };
  return { cniVersion: "0.4.0", name, plugins: [bridge, portmap] };
}
