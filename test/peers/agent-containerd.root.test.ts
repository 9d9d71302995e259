// Debian's containerd and podman on a node with the agent: they find the network by themselves, and pods get what is asked for them.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync } from "node:fs";
import { AgentNode, nodeAddress } from "./agent-node.ts";
import { type Containerd, startContainerd } from "./containerd.ts";
import { Podman } from "./podman.ts";
import { fetched } from "./twill.ts";

setDefaultTimeout(120_000);

describe("type twill under containerd", () => {
  const resources = new DisposableStack();
  let host: AgentNode;
  let containerd: Containerd;

  beforeAll(async () => {
    host = await AgentNode.start(resources);
    containerd = await startContainerd(host);
    await containerd.networkReady("twill");
  });
  afterAll(() => resources.dispose());

  test("runs two pods that reach each other, with the limits of their annotations, and leaves nothing", async () => {
    const annotations = { "kubernetes.io/ingress-bandwidth": "10M", "kubernetes.io/egress-bandwidth": "20M" };
    const [one, two] = await Promise.all([
      containerd.runPod({ name: "one", annotations }),
      containerd.runPod({ name: "two" }),
    ]);
    const [{ ips, netns }, { ips: limited, netns: limitedNetns }] = await Promise.all([
      containerd.podStatus(two),
      containerd.podStatus(one),
    ]);
    expect([netns, limitedNetns].every((path) => path !== undefined)).toBe(true);
    expect(ips).toEqual([expect.stringMatching(/^10\.244\.1\.\d+$/), expect.stringMatching(/^fd00:10:244:1::/)]);
    const container = await containerd.runContainer(one);
    for (const ip of ips) {
      expect(await containerd.execSync(container, ["ping", "-c", "1", "-W", "5", ip])).toMatchObject({ exitCode: 0 });
    }
    const endpoint = host.endpoints().find(({ pod }) => pod === "default/one");
    expect<readonly string[] | undefined>(endpoint?.addresses).toEqual(limited);
    expect(host.node.sh(["tc", "qdisc", "show", "dev", endpoint?.link ?? "", "root"])).toContain("rate 10Mbit");
    expect(host.node.sh(["nsenter", `--net=${limitedNetns}`, "tc", "qdisc", "show", "dev", "eth0"])).toContain(
      "rate 20Mbit",
    );
    for (const pod of [one, two]) {
      await containerd.stopPod(pod);
      await containerd.removePod(pod);
    }
    expect([host.endpoints(), host.remains()]).toEqual([[], []]);
  });

  test("maps a port of the node to a pod until it is stopped", async () => {
    const pod = await containerd.runPod({ name: "web", portMappings: [{ hostPort: 8080, containerPort: 80 }] });
    await containerd.runContainer(pod, ["httpd", "-f", "-p", "80", "-h", "/etc"]);
    const url = `http://${nodeAddress}:8080/group`;
    expect(await fetched(host.node, url)).toBe("root:x:0:\n");
    await containerd.stopPod(pod);
    expect(host.node.run(["busybox", "wget", "-q", "-T", "1", "-O", "-", url]).exitCode).not.toBe(0);
    await containerd.removePod(pod);
    expect(host.remains()).toEqual([]);
  });

  test("lets pods end while no agent runs, and takes them away when it is back", async () => {
    const [gone, stays] = await Promise.all([
      containerd.runPod({ name: "gone" }),
      containerd.runPod({ name: "stays" }),
    ]);
    const container = await containerd.runContainer(stays);
    const [address = ""] = (await containerd.podStatus(stays)).ips;
    host.killAgent();
    const refusal = await containerd.runPod({ name: "early" }).catch((error: unknown) => String(error));
    expect(refusal).toContain("start `twill agent` and try again");
    await containerd.stopPod(gone);
    await containerd.removePod(gone);
    expect(readdirSync(host.node.outside("/var/lib/twill/deletes")).length).toBeGreaterThan(0);
    expect(await containerd.execSync(container, ["ping", "-c", "1", "-W", "5", nodeAddress])).toMatchObject({
      exitCode: 0,
    });
    await host.startAgent();
    expect(readdirSync(host.node.outside("/var/lib/twill/deletes"))).toEqual([]);
    expect(host.endpoints().map(({ pod }) => pod)).toEqual(["default/stays"]);
    expect(host.node.run(["ping", "-c", "1", "-W", "5", address]).exitCode).toBe(0);
    await containerd.stopPod(stays);
    await containerd.removePod(stays);
    expect(host.remains()).toEqual([]);
  });
});

test("type twill under podman gives a container the address and the hardware address that were asked for", async () => {
  using resources = new DisposableStack();
  const host = await AgentNode.start(resources);
  const podman = new Podman({ ...host, pluginDirs: [host.pluginDir], defaultNetwork: "twill" });
  const [address, mac] = ["10.244.1.77", "02:00:00:00:00:77"];
  const shown = podman.sh([
    "run",
    "--rm",
    "--ip",
    address,
    "--mac-address",
    mac,
    podman.image,
    "ip",
    "address",
    "show",
    "eth0",
  ]);
  expect(shown).toContain(`inet ${address}/32`);
  expect(shown).toContain(`link/ether ${mac}`);
  expect([host.endpoints(), host.remains()]).toEqual([[], []]);
});
