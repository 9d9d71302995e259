// Services that name their clients, asked by real sockets: a pod's are left to its packets, the node's own are judged by its address.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { netnsCookie } from "#kernel/netns-cookie.ts";
import { cidr } from "#net/cidr.ts";
import { familyOf, type Ip, ip } from "#net/ip.ts";
import { Sandbox } from "#test/sandbox.ts";
import { type SocketClient, SocketNode, type Step } from "#test/sockets/socket-node.ts";
import { Datapath } from "./datapath.ts";
import { choiceFlags, namespaceFlags } from "./service-format.ts";
import { attachSockets } from "./sockets.ts";

const port = 80;
const targetPort = 8080;
/** Something answers there as well: who is not translated reaches that. */
const fronts = [ip("192.0.2.80"), ip("2001:db8::80")];
const backends = [ip("10.244.0.1"), ip("fd00::1")];
/** What the node's own packets come from. */
const nodeAddresses = { ipv4: ip("172.30.0.11"), ipv6: ip("fd30::11") };
const protocols = { tcp: 6, udp: 17 } as const;

let box: Sandbox;
let node: SocketNode;
let path: Datapath;
let links: Disposable;
let ofPod: SocketClient;
let ofNode: SocketClient;

beforeAll(async () => {
  box = new Sandbox();
  node = new SocketNode(box);
  path = new Datapath({ pins: undefined });
  links = attachSockets({ datapath: path, cgroup: node.cgroup, pins: undefined });
  await node.serve(targetPort, ...backends);
  await node.serve(port, ...fronts);
  const [pod, own] = [node.netns(), node.netns()];
  using entered = new Netns(own.path);
  path.services.namespaces.set(netnsCookie(entered) ?? 0n, namespaceFlags.node);
  path.set({ node: nodeAddresses });
  ofPod = node.client(pod);
  ofNode = node.client(own);
  for (const [index, protocol] of (["tcp", "udp"] as const).entries()) {
    for (const [at, address] of fronts.entries()) offer(1 + 2 * index + at, address, protocol);
  }
});

afterAll(async () => {
  links?.[Symbol.dispose]();
  path?.[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
  box?.[Symbol.dispose]();
});

/** A service with the one backend of its family. */
function offer(service: number, address: Ip, protocol: keyof typeof protocols): void {
  const backend = backends.find((each) => familyOf(each) === familyOf(address)) ?? address;
  path.services.backends.set(service, { address: backend, port: targetPort, flags: 0, service });
  path.services.slots.set({ set: service, slot: 0 }, service);
  const choice = { set: service, count: 1, flags: choiceFlags.sourceRanges };
  const key = { address, port, protocol: protocols[protocol] };
  path.services.frontends.set(key, { service, affinitySeconds: 0, inside: choice, outside: choice });
}

function admit(...blocks: readonly string[]): void {
  const { sourceRanges } = path.services;
  for (const [key] of [...sourceRanges.entries()]) sourceRanges.delete(key);
  for (const block of blocks) {
    for (let service = 1; service <= 4; service++) sourceRanges.set({ service, block: cidr(block) }, 1);
  }
}

/** Who answers by TCP, and by UDP without a connection; or why nobody does. */
async function ask(client: SocketClient, address: Ip): Promise<readonly (string | undefined)[]> {
  const family = familyOf(address) === "ipv4" ? "4" : "6";
  const steps: readonly Step[] = [
    ["open", "a", `tcp${family}`],
    ["connect", "a", address, port],
    ["ask", "a"],
    ["open", "b", `udp${family}`],
    ["askfrom", "b", address, port],
  ];
  const [, connected, answer, , datagram] = await client.run(...steps);
  return [connected === "ok" ? answer : connected, datagram?.split(" ")[0]];
}

describe("a service that names its clients", () => {
  for (const [index, front] of fronts.entries()) {
    const backend = backends[index];

    test(`leaves a pod's sockets alone, whoever they are: packets have addresses, ${front}`, async () => {
      for (const blocks of [[], ["0.0.0.0/0", "::/0"]]) {
        admit(...blocks);
        expect(await ask(ofPod, front)).toEqual([front, front]);
      }
    });

    test(`serves the node when it names the node's address, ${front}`, async () => {
      admit("172.30.0.0/24", "fd30::/64");
      expect(await ask(ofNode, front)).toEqual([backend, backend]);
    });

    test(`is out of the node's reach when it does not, ${front}`, async () => {
      admit("172.30.9.0/24", "fd30:9::/64");
      expect(await ask(ofNode, front)).toEqual(["EHOSTUNREACH", "EHOSTUNREACH"]);
    });
  }
});
