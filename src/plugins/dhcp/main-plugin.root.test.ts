// Main plugins with dhcp for their addresses, as a cluster on an existing network has it.
import { expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Call, Plugin } from "#cni/plugin.ts";
import { runDelegated } from "#cni/serve-plugin.ts";
import { Netns } from "#kernel/netns.ts";
import { bridge } from "#plugins/bridge/plugin.ts";
import { type Host, OpenHost } from "#plugins/host.ts";
import { macvlan } from "#plugins/macvlan/plugin.ts";
import { callPlugin, mustCall } from "#test/cni-call.ts";
import { until } from "#test/dhcp-node.ts";
import { startDhcpServer } from "#test/peers/dhcp.ts";
import { Sandbox } from "#test/sandbox.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { dhcp } from "./plugin.ts";

setDefaultTimeout(40_000);

// Each plugin, the node's interface it hangs the container on, and the place of the container's in the result.
const rows: readonly (readonly [plugin: Plugin<Host>, conf: object, index: number])[] = [
  [bridge, { bridge: "br0" }, 2],
  [macvlan, { master: "up1" }, 0],
];
for (const [plugin, conf, index] of rows) {
  test(`${plugin.name} with dhcp: an address at once, and it is given back before the interface goes`, async () => {
    using box = new Sandbox();
    const [node, server, pod] = [box.netns("node"), box.netns("server"), box.netns("pod")];
    const peer = ["type", "veth", "peer", "name", "eth0", "netns", server.name];
    box.sh(node, ["ip", "link", "add", "br0", "type", "bridge"]);
    box.sh(node, ["ip", "link", "add", plugin === bridge ? "up0" : "up1", ...peer]);
    if (plugin === bridge) box.sh(node, ["ip", "link", "set", "up0", "master", "br0", "up"]);
    else box.sh(node, ["ip", "link", "set", "up1", "up"]);
    box.sh(server, ["ip", "address", "add", "10.7.0.1/20", "dev", "eth0"]);
    box.sh(server, ["ip", "link", "set", "eth0", "up"]);
    const v4 = { from: "10.7.0.100", to: "10.7.0.150", subnet: "10.7.0.0/20", leaseSeconds: 120, router: "10.7.0.1" };
    const served = await startDhcpServer({ box, netns: server, link: "eth0", server: "dnsmasq", v4 });
    const clock = { now: () => Date.now(), sleep: (ms: number) => Bun.sleep(ms) };
    const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes);
    const [runDir, path] = [box.dir(), box.dir()];
    writeFileSync(join(path, "dhcp"), "");
    using leases = new LeaseKeeper({ ...clock, random, dir: join(runDir, "dhcp"), log: () => {} });
    using netns = new Netns(node.path);
    const inProcess = () => (call: Call) => runDelegated(dhcp, call, host);
    using host: OpenHost = new OpenHost({ ...clock, random, runDir, leases, netns, delegates: { inProcess } });
    const config = { cniVersion: "1.0.0", name: "lan", type: plugin.name, ...conf, ipam: { type: "dhcp" } };
    const began = performance.now();
    const { json } = await mustCall(plugin, "ADD", host, { config, netns: pod.path, path });
    expect(performance.now() - began).toBeLessThan(1_000);
    const [lease] = served.leases();
    expect(json["ips"]).toEqual([{ address: `${lease?.address}/20`, gateway: "10.7.0.1", interface: index }]);
    expect(box.sh(pod, ["ip", "route", "show", "default"])).toContain("via 10.7.0.1 dev eth0");
    box.sh(pod, ["ping", "-c1", "-W2", "10.7.0.1"]);
    const checked = await callPlugin(plugin, "CHECK", host, {
      config: { ...config, prevResult: json },
      netns: pod.path,
      path,
    });
    expect(checked).toMatchObject({ exitCode: 0 });
    await mustCall(plugin, "DEL", host, { config, netns: pod.path, path });
    await until(() => served.log().includes("DHCPRELEASE") && served.leases().length === 0);
  });
}
