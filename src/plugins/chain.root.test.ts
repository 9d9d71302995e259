// Plugins of one chain after each other: each one's CHECK must bear what the later ones did.
import { expect, test } from "bun:test";
import { runPlugin } from "#cni/serve-plugin.ts";
import { bandwidth } from "#plugins/bandwidth/plugin.ts";
import { bridge } from "#plugins/bridge/plugin.ts";
import { sbr } from "#plugins/sbr/plugin.ts";
import { tuning } from "#plugins/tuning/plugin.ts";
import { referenceDir } from "#test/chained.ts";
import { testHost } from "#test/host.ts";
import { Sandbox } from "#test/sandbox.ts";

test("bridge, tuning, bandwidth and sbr add, check twice, and leave nothing but the bridge", async () => {
  using box = new Sandbox();
  const [node, pod] = [box.netns("node"), box.netns("pod")];
  using host = testHost(box, node);
  const dataDir = box.dir();
  const ipam = { type: "host-local", subnet: "10.1.0.0/24", routes: [{ dst: "0.0.0.0/0" }], dataDir };
  const chain = [
    { plugin: bridge, conf: { isGateway: true, bridge: "br0", ipam } },
    { plugin: tuning, conf: { mac: "02:00:00:00:00:05", mtu: 1400, dataDir: box.dir() } },
    {
      plugin: bandwidth,
      conf: { egressRate: 8_000_000, egressBurst: 800_000, ingressRate: 8_000_000, ingressBurst: 800_000 },
    },
    { plugin: sbr, conf: { addSourceHints: true } },
  ];
  let prevResult: Record<string, unknown> | undefined;
  const run = async (command: string, { plugin, conf }: (typeof chain)[number]) => {
    const env = {
      CNI_COMMAND: command,
      CNI_CONTAINERID: "pod1",
      CNI_NETNS: pod.path,
      CNI_IFNAME: "eth0",
      CNI_PATH: referenceDir,
    };
    const config = { cniVersion: "1.0.0", name: "net", type: plugin.name, ...conf, ...(prevResult && { prevResult }) };
    const stdin = new TextEncoder().encode(JSON.stringify(config));
    const { exitCode, stdout } = await runPlugin(
      plugin,
      { plugin: plugin.name, env: new Map(Object.entries(env)), stdin },
      host,
    );
    if (exitCode !== 0) throw new Error(`${plugin.name} ${command}: ${stdout}`);
    if (command === "ADD") prevResult = JSON.parse(stdout);
  };
  for (const link of chain) await run("ADD", link);
  for (let i = 0; i < 2; i++) for (const link of chain) await run("CHECK", link);
  box.sh(pod, ["ping", "-c", "1", "-W", "10", "10.1.0.1"]);
  for (let i = 0; i < 2; i++) for (const link of chain.toReversed()) await run("DEL", link);
  expect(JSON.parse(box.sh(node, ["ip", "-j", "link"])).map(({ ifname }: { ifname: string }) => ifname)).toEqual([
    "lo",
    "br0",
  ]);
  expect(JSON.parse(box.sh(pod, ["ip", "-j", "link"]))).toHaveLength(1);
  for (const plugin of chain) expect(host.ledger.list("net", plugin.plugin.name)).toEqual([]);
});
