// flannel with the real bridge and host-local: a container gets its address out of flanneld's lease, and all of it goes again.
import { expect, test } from "bun:test";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { runDelegated, runPlugin } from "#cni/serve-plugin.ts";
import { bridge } from "#plugins/bridge/plugin.ts";
import type { Host } from "#plugins/host.ts";
import { hostLocal } from "#plugins/host-local/plugin.ts";
import { testHost } from "#test/host.ts";
import { RecordingPlugins } from "#test/recording-plugins.ts";
import { Sandbox } from "#test/sandbox.ts";
import { flannel } from "./plugin.ts";

const plugins = [bridge, hostLocal, flannel];

test("a container of flannel's is reachable from the node, and leaves nothing", async () => {
  using box = new Sandbox();
  const [node, pod] = [box.netns("node"), box.netns("pod")];
  const dir = box.dir();
  writeFileSync(
    `${dir}/subnet.env`,
    "FLANNEL_NETWORK=10.1.0.0/16\nFLANNEL_SUBNET=10.1.17.1/24\nFLANNEL_MTU=1450\nFLANNEL_IPMASQ=true\n",
  );
  // Only found, never executed: the calls stay in this process.
  using files = new RecordingPlugins("bridge", "host-local");
  using host: Host & Disposable = testHost(box, node, {
    inProcess: (_file, type) => async (call) => {
      const plugin = plugins.find(({ name }) => name === type) ?? flannel;
      return await runDelegated(plugin, call, host);
    },
  });
  const call = async (command: string, more = {}) => {
    const config = {
      cniVersion: "1.0.0",
      name: "flannel",
      type: "flannel",
      subnetFile: `${dir}/subnet.env`,
      dataDir: `${dir}/flannel`,
      ipam: { dataDir: `${dir}/networks` },
      delegate: { bridge: "cni0", isDefaultGateway: true },
      ...more,
    };
    const env = new Map([
      ["CNI_COMMAND", command],
      ["CNI_CONTAINERID", "c1"],
      ["CNI_IFNAME", "eth0"],
      ["CNI_NETNS", pod.path],
      ["CNI_PATH", files.bin],
    ]);
    const stdin = new TextEncoder().encode(JSON.stringify(config));
    const { exitCode, stdout } = await runPlugin(flannel, { plugin: "flannel", env, stdin }, host);
    if (exitCode !== 0) throw new Error(stdout);
    return stdout === "" ? undefined : JSON.parse(stdout);
  };
  const result = await call("ADD");
  expect(result.ips).toMatchObject([{ address: "10.1.17.2/24", gateway: "10.1.17.1" }]);
  expect(result.routes).toContainEqual({ dst: "10.1.0.0/16" });
  expect(box.sh(pod, ["ip", "link", "show", "eth0"])).toContain("mtu 1450");
  box.sh(node, ["ping", "-c1", "-W10", "10.1.17.2"]);
  box.sh(pod, ["ping", "-c1", "-W10", "10.1.17.1"]);
  await call("CHECK", { prevResult: result });
  await call("DEL", { prevResult: result });
  expect(box.run(pod, ["ip", "link", "show", "eth0"]).exitCode).not.toBe(0);
  expect(readdirSync(`${dir}/networks/flannel`).sort()).toEqual(["last_reserved_ip.0", "lock"]);
  expect(existsSync(`${dir}/flannel/c1`)).toBe(false);
  await call("DEL");
  expect(files.calls()).toEqual([]);
});
