// What single packets cost the programs, in nanoseconds of BPF_PROG_TEST_RUN. `bun bench/programs.ts [small]`
//
// A packet runs many times only where it stays the same but for its time to live; where the programs translate it, or where it must be the
// first of its connection, each run is a call of its own, from the kernel's door with colder caches and with the clock's own time in it.

import { Datapath } from "#datapath/datapath.ts";
import { runProgram } from "#kernel/bpf-test-run.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { serve, smallMaps } from "#test/packet-path.ts";
import { segment } from "#test/segment.ts";
import { percentile } from "./driver.ts";
import { writeResults } from "./write-results.ts";

const small = process.argv[2] === "small";
const calls = small ? 20 : 3_000;
/** The packet's time to live must last. */
const repeat = 60;
/** Programs are told that they work for the loopback device, which is there. */
const loopback = 1;
/** A list that lets the client's class in at one port, in a set of the server's. */
const policy = { set: 2, list: 2, class: 16, port: 8080 } as const;
const tcp = 6;

type Program = Parameters<Datapath["programFd"]>[0];
type Case = {
  readonly what: string;
  readonly program: Program;
  readonly packet: string;
  /** Before all runs. */
  readonly opening?: readonly (readonly [Program, string])[];
  /** `hot`: again and again; `once`: in calls of their own; `first`: and what is remembered is forgotten before each. */
  readonly how: "hot" | "once" | "first";
  readonly isPoliced?: boolean;
};

using path = new Datapath({ pins: undefined, sizes: smallMaps });
const macs = { mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff"), mtu: 1500 };
const node = { ipv4: ip("172.30.0.11"), ipv6: ip("fd00:30::11") };

function endpoints(policySet: number): void {
  const [first, second] = [
    { id: 1, ifindex: loopback, ipv4: ip("10.244.0.1"), ipv6: ip("fd00:10:244::1") },
    { id: 2, ifindex: 77, ipv4: ip("10.244.0.2"), ipv6: ip("fd00:10:244::2") },
  ];
  path.setEndpoint({ ...macs, ...first, policySet: 0 });
  path.setEndpoint({ ...macs, ...second, policySet });
}

function fill(): void {
  path.set({ node, firstPort: 61_000, lastPort: 65_000 });
  path.policy.identities.set(node.ipv4, 1);
  path.setPeer({
    ...{ node: ip("172.30.0.12"), mac: mac("02:00:00:00:99:02") },
    ...{ block: cidr("10.244.1.0/24"), tunnel: false },
  });
  serve(path, "10.96.0.1:80", "tcp", ["10.244.0.2:8080"]);
  path.policy.identities.set(ip("10.244.0.1"), policy.class);
  path.policy.sets.set(policy.set, { ingress: 1, egress: 0 });
  path.policy.choices.set({ set: policy.set, direction: 0, identity: policy.class }, policy.list);
  path.policy.lists.set(
    { prefixLength: 56, list: policy.list, protocol: tcp, port: policy.port },
    { rule: 1, allow: 1 },
  );
}

function forget(): void {
  const { connections, translations } = path.connections;
  connections.deleteAll([...connections.entries()].map(([key]) => key));
  translations.deleteAll([...translations.entries()].map(([key]) => key));
}

/** Nanoseconds of one run, the median of all calls. */
function measure({ program, packet, opening = [], how, isPoliced = false }: Case): number {
  endpoints(isPoliced ? policy.set : 0);
  forget();
  const bytes = segment(packet);
  const fd = path.programFd(program);
  const open = () => {
    for (const [opener, text] of opening) runProgram(path.programFd(opener), segment(text), loopback);
  };
  open();
  const times = Array.from({ length: calls }, () => {
    if (how === "first") {
      forget();
      open();
    }
    return runProgram(fd, bytes, loopback, { repeat: how === "hot" ? repeat : 1 }).nanoseconds;
  });
  return percentile(times, 0.5);
}

const toPod = "tcp 10.244.0.1:5000 > 10.244.0.2:8080";
const fromPod = "tcp 10.244.0.2:8080 > 10.244.0.1:5000";
const toPodV6 = "tcp [fd00:10:244::1]:5000 > [fd00:10:244::2]:8080";
const fromFar = "tcp 10.244.1.7:5000 > 10.244.0.2:8080";
const toService = "tcp 10.244.0.1:5000 > 10.96.0.1:80";

const cases: readonly Case[] = [
  { what: "nothing to do: what running one costs", program: "to_net", packet: `${toPod} A`, how: "hot" },
  known("from_pod", `${toPod} A`, "hot"),
  { ...known("from_pod", `${toPodV6} A`, "hot"), what: "from_pod, known connection, IPv6" },
  known("to_pod", `${toPod} A`, "hot"),
  known("from_net", `${fromFar} A`, "hot"),
  { what: "nothing to do, in calls of its own", program: "to_net", packet: `${toPod} A`, how: "once" },
  known("from_pod", `${toPod} A`, "once"),
  {
    ...{ what: "from_pod, to a service, known", program: "from_pod", how: "once" },
    ...{ packet: `${toService} A`, opening: [["from_pod", `${toService} S`]] },
  },
  {
    ...{ what: "to_pod, a service's answer", program: "to_pod", how: "once" },
    ...{ packet: `${fromPod} A`, opening: [["from_pod", `${toService} S`]] },
  },
  { what: "from_pod, first packet, no policy", program: "from_pod", packet: `${toPod} S`, how: "first" },
  { what: "from_pod, first packet, policy", program: "from_pod", packet: `${toPod} S`, how: "first", isPoliced: true },
  { what: "from_pod, first packet to a service", program: "from_pod", packet: `${toService} S`, how: "first" },
  { what: "from_net, first packet, no policy", program: "from_net", packet: `${fromFar} S`, how: "first" },
];

function known(program: Program, packet: string, how: "hot" | "once"): Case {
  const opener = packet.replace(/ A$/, " S");
  const own = how === "hot" ? "" : ", in calls of its own";
  return { what: `${program}, known connection${own}`, program, packet, how, opening: [[program, opener]] };
}

fill();
const rows = cases.map((each) => ({ what: each.what, nanoseconds: measure(each) }));
for (const { what, nanoseconds } of rows) console.log(`${what.padEnd(50)} ${String(nanoseconds).padStart(5)} ns`);
if (!small) writeResults("programs", { calls, repeat, rows });
