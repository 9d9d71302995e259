// bridge with dhcp for its addresses, as a cluster on an existing network has it, against a server behind the bridge.
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { runPlugin } from "#cni/serve-plugin.ts";
import { Netns } from "#kernel/netns.ts";
import { OpenHost } from "#plugins/host.ts";
import { callPlugin, mustCall } from "#test/cni-call.ts";
import { until } from "#test/dhcp-node.ts";
import { startDhcpServer } from "#test/peers/dhcp.ts";
import { Sandbox } from "#test/sandbox.ts";
import { bridge } from "../bridge/plugin.ts";
import { defaultTiming } from "./backoff.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { dhcp } from "./plugin.ts";

setDefaultTimeout(40_000);

test("a pod on a bridge gets its address within a second, and DEL gives it back before the interface goes", async () => {
  using box = new Sandbox();
  const [node, server, pod] = [box.netns("node"), box.netns("server"), box.netns("pod")];
  box.sh(node, ["ip", "link", "add", "br0", "type", "bridge"]);
  box.sh(node, [
    "ip",
    "link",
    "add",
    "up0",
    "master",
    "br0",
    "type",
    "veth",
    "peer",
    "name",
    "eth0",
    "netns",
    server.name,
  ]);
  box.sh(node, ["ip", "link", "set", "up0", "up"]);
  box.sh(server, ["ip", "address", "add", "10.7.0.1/20", "dev", "eth0"]);
  box.sh(server, ["ip", "link", "set", "eth0", "up"]);
  const v4 = { from: "10.7.0.100", to: "10.7.0.150", subnet: "10.7.0.0/20", leaseSeconds: 120, router: "10.7.0.1" };
  const served = await startDhcpServer({ box, netns: server, link: "eth0", server: "dnsmasq", v4 });
  const clock = { now: () => Date.now(), sleep: (ms: number) => Bun.sleep(ms) };
  const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes);
  const runDir = box.dir();
  const path = box.dir();
  writeFileSync(join(path, "dhcp"), "");
  using leases = new LeaseKeeper({ ...clock, random, dir: join(runDir, "dhcp"), log: () => {}, timing: defaultTiming });
  using netns = new Netns(node.path);
  const inProcess = () => (invocation: Parameters<typeof runPlugin>[1]) => runPlugin(dhcp, invocation, host);
  using host: OpenHost = new OpenHost({ ...clock, random, runDir, leases, netns, delegates: { inProcess } });
  const config = { cniVersion: "1.0.0", name: "lan", type: "bridge", bridge: "br0", ipam: { type: "dhcp" } };
  const began = performance.now();
  const { json } = await mustCall(bridge, "ADD", host, { config, netns: pod.path, path });
  const took = performance.now() - began;
  expect(took).toBeLessThan(400);
  const [lease] = served.leases();
  expect(json["ips"]).toEqual([{ address: `${lease?.address}/20`, gateway: "10.7.0.1", interface: 2 }]);
  expect(box.sh(pod, ["ip", "route", "show", "default"])).toContain("via 10.7.0.1 dev eth0");
  box.sh(pod, ["ping", "-c1", "-W2", "10.7.0.1"]);
  const checked = { ...config, prevResult: json };
  expect(await callPlugin(bridge, "CHECK", host, { config: checked, netns: pod.path, path })).toMatchObject({
    exitCode: 0,
  });
  await mustCall(bridge, "DEL", host, { config, netns: pod.path, path });
  await until(() => served.log().includes("DHCPRELEASE") && served.leases().length === 0);
});
