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
import { ptp } from "#plugins/ptp/plugin.ts";
import { callPlugin, mustCall } from "#test/cni-call.ts";
import { fastestMs } from "#test/dhcp-node.ts";
import { linkNames } from "#test/link-witness.ts";
import { startDhcpServer } from "#test/peers/dhcp.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { until } from "#test/until.ts";
import { LeaseKeeper } from "./lease-keeper.ts";
import { dhcp } from "./plugin.ts";

setDefaultTimeout(120_000);

const v4 = { from: "10.7.0.100", to: "10.7.0.150", subnet: "10.7.0.0/20", leaseSeconds: 120, router: "10.7.0.1" };
const v6 = { from: "fd00:7::100", to: "fd00:7::150", subnet: "fd00:7::/64", leaseSeconds: 120, advertise: true };
const both = { type: "dhcp", families: ["ipv4", "ipv6"] };

/** A node whose main plugins find dhcp inside their own process, with a keeper of leases. */
function startNode(box: Sandbox, node: BoxNetns) {
  const clock = { now: () => Date.now(), sleep: (ms: number) => Bun.sleep(ms) };
  const random = (bytes: Uint8Array) => crypto.getRandomValues(bytes);
  const [runDir, path] = [box.dir(), box.dir()];
  writeFileSync(join(path, "dhcp"), "");
  const owned = new DisposableStack();
  const leases = owned.use(new LeaseKeeper({ ...clock, random, dir: join(runDir, "dhcp"), log: () => {} }));
  const netns = owned.use(new Netns(node.path));
  const inProcess = () => (call: Call) => runDelegated(dhcp, call, host);
  const host: OpenHost = owned.use(new OpenHost({ ...clock, random, runDir, leases, netns, delegates: { inProcess } }));
  return { host, path, [Symbol.dispose]: () => owned.dispose() };
}

// Each plugin, the node's interface it hangs the container on, and the place of the container's in the result.
const rows: readonly (readonly [plugin: Plugin<Host>, conf: object, index: number])[] = [
  [bridge, { bridge: "br0" }, 2],
  [macvlan, { master: "up1" }, 0],
];
for (const [plugin, conf, index] of rows) {
  test(`${plugin.name} with dhcp: addresses of both families, given back before the interface goes`, async () => {
    using box = new Sandbox();
    const [node, server, pod] = [box.netns("node"), box.netns("server"), box.netns("pod")];
    const peer = ["type", "veth", "peer", "name", "eth0", "netns", server.name];
    box.sh(node, ["ip", "link", "add", "br0", "address", "02:00:00:00:00:b0", "type", "bridge"]);
    box.sh(node, ["ip", "link", "add", plugin === bridge ? "up0" : "up1", ...peer]);
    if (plugin === bridge) box.sh(node, ["ip", "link", "set", "up0", "master", "br0", "up"]);
    else box.sh(node, ["ip", "link", "set", "up1", "up"]);
    addServerAddresses(box, server, "eth0");
    box.sh(server, ["ip", "link", "set", "eth0", "up"]);
    const served = await startDhcpServer({ box, netns: server, link: "eth0", server: "dnsmasq", v4, v6 });
    using started = startNode(box, node);
    const { host, path } = started;
    const config = { cniVersion: "1.0.0", name: "lan", type: plugin.name, ...conf, ipam: both };
    let json: Awaited<ReturnType<typeof mustCall>>["json"] = {};
    const add = async () => {
      ({ json } = await mustCall(plugin, "ADD", host, { config, netns: pod.path, path }));
    };
    const undo = async () => void (await mustCall(plugin, "DEL", host, { config, netns: pod.path, path }));
    expect(await fastestMs(1_000, add, undo)).toBeLessThan(1_000);
    await until(() => served.leases().length === 2);
    const leased = (sign: string) => served.leases().find(({ address }) => address.includes(sign))?.address;
    expect(json["ips"]).toEqual([
      { address: `${leased(".")}/20`, gateway: "10.7.0.1", interface: index },
      { address: `${leased(":")}/128`, interface: index },
    ]);
    expect(box.sh(pod, ["ip", "route", "show", "default"])).toContain("via 10.7.0.1 dev eth0");
    box.sh(pod, ["ping", "-c1", "-W10", "10.7.0.1"]);
    // DHCPv6 names no router: the router does.
    await until(() => /via fe80::\S+ dev eth0 proto ra/.test(box.sh(pod, ["ip", "-6", "route", "show", "default"])));
    box.sh(pod, ["ping", "-c1", "-W10", "fd00:7::1"]);
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

test("ptp with dhcp: its link is there when the server is asked, and a failed ADD leaves nothing", async () => {
  using box = new Sandbox();
  const [node, pod] = [box.netns("node"), box.netns("pod")];
  using started = startNode(box, node);
  const { host, path } = started;
  const config = { cniVersion: "1.0.0", name: "lan", type: "ptp", ipam: { ...both, routes: [{ dst: "::/0" }] } };
  const adding = callPlugin(ptp, "ADD", host, { config, netns: pod.path, path });
  await until(() => linkNames(box, node).length === 1);
  const [near = ""] = linkNames(box, node);
  // As a relay would have it: the server is on the node's end, which has an address before the container has.
  addServerAddresses(box, node, near);
  await startDhcpServer({ box, netns: node, link: near, server: "dnsmasq", v4, v6 });
  const { exitCode, json } = await adding;
  expect([exitCode, json["code"]]).toEqual([0, undefined]);
  expect(json["ips"]).toEqual([
    { address: expect.stringMatching(/^10\.7\.0\.1\d\d\/20$/), gateway: "10.7.0.1", interface: 1 },
    { address: expect.stringMatching(/^fd00:7::1[0-9a-f]{2}\/128$/), gateway: "fe80::1", interface: 1 },
  ]);
  for (const target of ["10.7.0.1", "fd00:7::1"]) box.sh(pod, ["ping", "-c1", "-W10", target]);
  const checked = await callPlugin(ptp, "CHECK", host, {
    config: { ...config, prevResult: json },
    netns: pod.path,
    path,
  });
  expect(checked).toMatchObject({ exitCode: 0 });
  // The link goes right after the releases, maybe before the server reads them: what was sent is seen by a third party.
  const seen = box.start(node, ["tcpdump", "-l", "-n", "-vv", "-i", "any", "udp port 67 or udp port 547"]);
  await until(() => seen.output().includes("listening on"));
  await mustCall(ptp, "DEL", host, { config, netns: pod.path, path });
  await until(
    () => /DHCP-Message.*Release/.test(seen.output()) && seen.output().includes("dhcp6 release"),
    seen.output,
  );
  expect([linkNames(box, node), linkNames(box, pod)]).toEqual([[], []]);

  const again = callPlugin(ptp, "ADD", host, { config, netns: pod.path, path });
  await until(() => linkNames(box, node).length === 1);
  await mustCall(dhcp, "DEL", host, { config, netns: pod.path, path }); // Nobody is asked any more: IPAM fails.
  expect((await again).json["code"]).toBe(11);
  expect([linkNames(box, node), linkNames(box, pod)]).toEqual([[], []]);
});

function addServerAddresses(box: Sandbox, ns: BoxNetns, link: string): void {
  box.sh(ns, ["sysctl", "-q", "-w", `net.ipv6.conf.${link}.accept_dad=0`]);
  box.sh(ns, ["ip", "address", "add", "10.7.0.1/20", "dev", link]);
  box.sh(ns, ["ip", "address", "add", "fd00:7::1/64", "dev", link, "nodad"]);
}
