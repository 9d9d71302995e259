// The harness works: containerd runs pods through Debian's own plugins, and nothing is left afterwards.
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Sandbox } from "../sandbox.ts";
import { type Containerd, startContainerd } from "./containerd.ts";
import { Node } from "./node.ts";
import { referencePlugins } from "./reference-plugins.ts";
import { fetched } from "./twill.ts";

setDefaultTimeout(120_000);

const bridge = { type: "bridge", bridge: "br0", isGateway: true, ipMasq: true };
const ipam = { type: "host-local", ranges: [[{ subnet: "10.88.0.0/24" }]], routes: [{ dst: "0.0.0.0/0" }] };
const portmap = { type: "portmap", capabilities: { portMappings: true } };
const network = { cniVersion: "1.0.0", name: "net", plugins: [{ ...bridge, ipam }, portmap] };

describe("containerd", () => {
  const resources = new DisposableStack();
  let node: Node;
  let containerd: Containerd;

  beforeAll(async () => {
    const box = resources.use(new Sandbox());
    node = resources.use(new Node(box));
    const configDir = join(node.folder, "net.d");
    mkdirSync(configDir);
    containerd = await startContainerd({ node, pluginDir: referencePlugins(), configDir });
    expect((await containerd.status()).networkReady).toBe(false);
    writeFileSync(join(configDir, "10-net.conflist"), JSON.stringify(network));
    await containerd.networkReady("net");
  });
  afterAll(() => resources.dispose());

  test("runs two pods that reach each other", async () => {
    const [one, two] = await Promise.all([containerd.runPod({ name: "one" }), containerd.runPod({ name: "two" })]);
    const [{ ips: from }, { ips: to, ready, netns }] = await Promise.all([
      containerd.podStatus(one),
      containerd.podStatus(two),
    ]);
    expect(ready).toBe(true);
    expect(from).not.toEqual(to);
    const container = await containerd.runContainer(one);
    const ping = await containerd.execSync(container, ["ping", "-c", "1", "-W", "5", to[0] ?? ""]);
    expect(ping).toMatchObject({ exitCode: 0, stderr: "" });
    const { stdout } = Bun.spawnSync(["nsenter", `--net=${netns}`, "ip", "-br", "address", "show", "eth0"]);
    expect(stdout.toString()).toContain(`${to[0]}/24`);
    for (const pod of [one, two]) await containerd.removePod(pod);
  });

  test("maps a port of the node to a pod", async () => {
    const pod = await containerd.runPod({ name: "web", portMappings: [{ hostPort: 8080, containerPort: 80 }] });
    await containerd.runContainer(pod, ["httpd", "-f", "-p", "80", "-h", "/etc"]);
    expect(await fetched(node, "http://10.88.0.1:8080/group")).toBe("root:x:0:\n");
    await containerd.removePod(pod);
    expect(node.sh(["iptables-save", "-t", "nat"])).not.toContain("--to-destination");
  });

  test("hands DNS settings to the plugins", async () => {
    const dns = { servers: ["192.0.2.53"], searches: ["pods.test"], options: ["ndots:2"] };
    const pod = await containerd.runPod({ name: "dns", dns });
    const container = await containerd.runContainer(pod);
    const { stdout } = await containerd.execSync(container, ["cat", "/etc/resolv.conf"]);
    expect(stdout).toBe("search pods.test\nnameserver 192.0.2.53\noptions ndots:2\n");
    await containerd.removePod(pod);
  });

  test("calls DEL once when a pod stops and once when it is removed", async () => {
    const pod = await containerd.runPod({ name: "short" });
    const results = node.outside("/var/lib/cni/results");
    const cached = () => readdirSync(results).filter((name) => name.includes(pod.id));
    expect(cached()).not.toEqual([]);
    await containerd.stopPod(pod);
    expect((await containerd.podStatus(pod)).ready).toBe(false);
    expect(cached()).toEqual([]);
    await containerd.removePod(pod);
    expect(await reasonOf(containerd.podStatus(pod))).toContain("NOT_FOUND");
  });

  test("rejects with the plugin's own words when an ADD fails", async () => {
    const file = join(node.folder, "net.d/00-bad.conflist");
    writeFileSync(file, JSON.stringify({ ...network, name: "bad", plugins: [{ type: "nosuchplugin" }] }));
    await containerd.networkReady("bad");
    const reason = await reasonOf(containerd.runPod({ name: "bad" }));
    expect(reason).toContain('failed to find plugin "nosuchplugin" in path [/usr/lib/cni]');
    rmSync(file);
    await containerd.networkReady("net");
  });

  test("keeps pods while the daemon is away", async () => {
    const pod = await containerd.runPod({ name: "kept" });
    const before = await containerd.podStatus(pod);
    containerd.stop();
    await containerd.start();
    expect(await containerd.podStatus(pod)).toEqual(before);
    await containerd.stopPod(pod);
    await containerd.removePod(pod);
  });

  test("runs a pod in the node's own network without a plugin", async () => {
    const pod = await containerd.runPod({ name: "host", hostNetwork: true });
    expect(await containerd.podStatus(pod)).toMatchObject({ ips: [], netns: undefined });
    await containerd.removePod(pod);
  });
});

async function reasonOf(failing: Promise<unknown>): Promise<string> {
  return await failing.then(() => "it did not fail", String);
}
