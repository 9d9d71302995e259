// What somebody takes away or changes of the agent's own things on the node: back in a moment, and told.

import { expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { BpfMap, type MapFormat } from "#bpf/map.ts";
import { endpointsFormat, settingsFormat, sourcesFormat } from "#datapath/formats.ts";
import { pacesFormat } from "#datapath/pace-format.ts";
import { pinName } from "#datapath/pins.ts";
import { policySet } from "#datapath/policy-format.ts";
import { openPinned } from "#kernel/bpf-map.ts";
import { ip } from "#net/ip.ts";
import { addressAt, startNode } from "#test/agent.ts";
import { until } from "#test/until.ts";
import { pinsOf } from "./open-datapath.ts";

// Loading the programs takes a machine that is busy a second or more.
setDefaultTimeout(120_000);

const both = ["10.244.1.0/24", "fd00:10:244:1::/64"];
/** The agent lives in this process, which waits for the answer: it is asked for again. */
const reachesNow = (address: string) => ["ping", "-c", "1", "-W", "0.3", "-n", address];

test("the node's side of a pod comes back, and what a pod's namespace takes along does not", async () => {
  await using it = await startNode(both);
  const [a, b] = [await it.node.addPod("a"), await it.node.addPod("b")];
  const [four, six] = [addressAt(a.result, 0), addressAt(a.result, 1)];
  const link = a.result.interfaces?.[0]?.name ?? "";
  const elsewhere = it.box.netns("elsewhere");
  const damages: readonly (readonly [command: string, told: string])[] = [
    [`ip route del ${four}`, "put back node's route"],
    [`ip route replace ${four} dev bridge9`, "put back node's route"],
    [`ip route replace ${four} dev ${link} mtu 600`, "put back node's route"],
    [`ip route replace ${four} dev ${link} src 127.0.0.1`, "put back node's route"],
    [`ip route replace blackhole ${four}`, "put back node's route"],
    [`ip route prepend ${four} dev bridge9`, `took away unicast route ${four}/32 dev`],
    [`ip route add ${four} tos 0x10 dev bridge9`, `took away unicast route ${four}/32 dev`],
    [`ip -6 route del ${six}`, "put back node's route"],
    [`ip -6 route replace ${six} dev bridge9`, "put back node's route"],
    [`ip -6 route replace blackhole ${six}`, "put back node's route"],
    [`ip -6 route add ${six} dev bridge9 metric 5`, `took away unicast route ${six}/128 dev`],
    [`ip -6 route add unreachable ${six} metric 5`, `took away unreachable route ${six}/128 dev`],
    [`ip neigh del ${four} dev ${link}`, "put back neighbour"],
    [`ip neigh replace ${six} lladdr 02:00:00:00:00:99 dev ${link} nud permanent`, "put back neighbour"],
    [`ip neigh replace ${four} lladdr 02:00:00:00:00:99 dev ${link} nud reachable`, "put back neighbour"],
    [`ip link set ${link} down`, "put back node's"],
    [`ip link set ${link} master bridge9`, "without a master"],
    [`ip link set ${link} mtu 1300`, "put back mtu"],
    [`ip link set ${link} address 02:00:00:00:00:98`, "put back name"],
    [`tc qdisc del dev ${link} clsact`, "put back shared blocks"],
    [`tc qdisc del dev ${link} clsact; tc qdisc add dev ${link} clsact`, "put back shared blocks"],
    [
      `tc qdisc del dev ${link} clsact; tc qdisc add dev ${link} ingress_block 8 egress_block 9 clsact`,
      "put back shared",
    ],
    [`tc qdisc del dev ${link} clsact; tc qdisc add dev ${link} ingress`, "put back shared blocks"],
    [`ip link set ${link} netns ${elsewhere.name}`, "put back link"],
    [`ip link set ${link} name other`, "put back name"],
    [`ip link set ${link} group 5`, "put back name"],
    [`ip link del ${link}`, "put back link"],
  ];
  it.node.sh("ip", "link", "add", "bridge9", "up", "type", "bridge");
  const isPoliced = () => it.node.sh("tc", "qdisc").includes(`dev ${link} parent ffff:fff1 ingress_block 31`);
  const isReached = () => [four, six].every((each) => it.box.run(b.netns, reachesNow(each)).exitCode === 0);
  const isNear = () => [four, six].every((each) => it.box.run(it.node.netns, reachesNow(each)).exitCode === 0);
  await until(() => isReached() && isNear(), "all is well before");
  for (const [command, told] of damages) {
    it.node.log.length = 0;
    const ran = it.box.run(it.node.netns, ["sh", "-c", command]);
    expect(`${command}: ${ran.stderr}`).toBe(`${command}: `);
    const isTold = () => it.node.log.some((line) => line.startsWith("a eth0: ") && line.includes(told));
    await until(isTold, `${command}: ${told}`);
    await until(() => isPoliced() && isReached() && isNear(), command);
  }
  it.box.sh(it.node.netns, ["ip", "netns", "del", b.netns.name]);
  await until(() => it.node.agent.endpoints.list().length === 1, "the other's record goes");
});

test("programs, rules and settings of the node come back", async () => {
  await using it = await startNode(both, { services: "{ announce: [192.0.2.0/24] }" });
  it.node.sh("ip", "link", "add", "up0", "address", "02:00:00:00:00:55", "type", "veth", "peer", "name", "up1");
  it.node.sh("sh", "-c", "ip link set up0 up; ip link set up1 up; ip route add default dev up0");
  await until(() => it.node.log.some((line) => line.includes("watch what up0 receives")), "the device is watched");
  const rows: readonly (readonly [command: string, shown: string, whole: string, told: string])[] = [
    [
      "tc filter del block 31",
      "tc filter show block 31",
      "from_pod",
      "endpoints: program from_pod of block 31 was missing",
    ],
    [
      "tc filter del block 32",
      "tc filter show block 32",
      "to_pod",
      "endpoints: program to_pod of block 32 was missing",
    ],
    [
      "ip link del twill-anchor",
      "ip link show twill-anchor",
      "twill-anchor",
      "endpoints: link twill-anchor was missing",
    ],
    ["tc filter del dev up0 ingress", "tc filter show dev up0 ingress", "from_net", "devices: program from_net of up0"],
    ["tc filter del dev up0 egress", "tc filter show dev up0 egress", "to_net", "devices: program to_net of up0"],
    ["tc qdisc del dev up0 clsact", "tc filter show dev up0 egress", "to_net", "devices: program to_net of up0"],
    [
      "nft delete table inet twill_agent_masquerade",
      "nft list table inet twill_agent_masquerade",
      "masquerade fully-random",
      "masquerade: wrote the rules anew",
    ],
    [
      "nft insert rule inet twill_agent_masquerade postrouting accept",
      "nft list table inet twill_agent_masquerade",
      "masquerade fully-random",
      "masquerade: wrote the rules anew",
    ],
    [
      "nft flush table inet twill_agent_services",
      "nft list table inet twill_agent_services",
      "reject with tcp reset",
      "services: wrote the rules",
    ],
    [
      "sysctl -qw net.ipv4.ip_local_reserved_ports=22",
      "sysctl net.ipv4.ip_local_reserved_ports",
      "22,61000-65535",
      "services: reserved the ports",
    ],
    ["sysctl -qw net.ipv4.ip_forward=0", "sysctl net.ipv4.ip_forward", "= 1", "forwarding: put back"],
    [
      "sysctl -qw net.ipv4.conf.lo.accept_local=0",
      "sysctl net.ipv4.conf.lo.accept_local",
      "= 1",
      "forwarding: put back",
    ],
  ];
  for (const [command, show, whole, told] of rows) {
    it.node.log.length = 0;
    it.node.sh("sh", "-c", command);
    await until(() => it.node.log.some((line) => line.startsWith(told)), `${command}: ${told}`);
    expect(`${command}: ${it.node.sh("sh", "-c", show)}`).toContain(whole);
    expect(it.node.sh("sh", "-c", show)).not.toContain(" accept\n");
  }
});

test("what the packet path's maps say of the node and its pods comes back", async () => {
  await using it = await startNode(both);
  const { result } = await it.node.addPod("a");
  const pins = pinsOf(it.node.config, it.node.name);
  using owned = new DisposableStack();
  const open = <K, V>(format: MapFormat<K, V>) =>
    new BpfMap(format, owned.use(openPinned(join(pins, pinName(format)))).number);
  const [endpoints, sources] = [open(endpointsFormat), open(sourcesFormat)];
  const [paces, settings] = [open(pacesFormat), open(settingsFormat)];
  const [endpoint] = it.node.agent.endpoints.list();
  const now = settings.get(0);
  if (endpoint === undefined || now === undefined) throw new Error("There is no pod, or nothing about the node");
  const address = ip(addressAt(result, 0));
  const { ifindex } = endpoint;
  const paced = { rateBytes: 1_000_000, burstBytes: 100_000 };
  it.node.agent.datapath?.setEndpoint({ ...endpoint, policySet: policySet.open, shaping: { paced } });
  const all = () => Bun.inspect([endpoints, sources, paces, settings].map((map) => [...map.entries()]));
  const rows: readonly (readonly [told: string, damage: () => void])[] = [
    [`endpoint ${address} was missing`, () => endpoints.delete(address)],
    [`source ${ifindex} was missing`, () => sources.delete(ifindex)],
    [`limit of source ${ifindex} had changed`, () => paces.delete(ifindex)],
    ["the node's settings had changed", () => settings.set(0, { ...now, generation: now.generation + 7 })],
  ];
  const before = all();
  for (const [told, damage] of rows) {
    it.node.log.length = 0;
    damage();
    expect(all()).not.toBe(before);
    await until(() => it.node.log.includes(`endpoints: ${told}, mended`), told);
    expect(all()).toBe(before);
  }
});
