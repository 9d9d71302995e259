// Resets and ends of TCP connections by single packets: who guesses the ports alone ends nothing, and opens nothing.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { runProgram } from "#kernel/bpf-test-run.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { emptyMaps, serve, smallMaps } from "#test/packet-path.ts";
import { segment } from "#test/segment.ts";
import { connectionFlags } from "./connection-format.ts";
import { Datapath } from "./datapath.ts";

const loopback = 1;
const [pod, client, far] = ["10.244.0.1:80", "203.0.113.10:5000", "10.244.1.7:8080"];
const node = "172.30.0.11:30080";
/** Initial sequence numbers, one of them about to begin anew at 0. */
const [clients, pods] = [0x7000_0000, 0xffff_fff0];
/** What is nowhere near either. */
const elsewhere = 0x3333_3333;

let path: Datapath;
beforeAll(() => {
  path = new Datapath({ pins: undefined, sizes: smallMaps });
});
afterAll(() => path[Symbol.dispose]());
beforeEach(() => {
  emptyMaps(path);
  const macs = { mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff"), mtu: 1500 };
  path.setEndpoint({ ...macs, id: 1, ifindex: loopback, ipv4: ip("10.244.0.1"), ipv6: undefined, policySet: 0 });
  path.set({ node: { ipv4: ip("172.30.0.11"), ipv6: undefined }, firstPort: 61_000, lastPort: 61_003 });
  path.policy.identities.set(ip("172.30.0.11"), 1);
  const there = { node: ip("172.30.0.12"), mac: mac("02:00:00:00:99:02"), tunnel: true };
  path.setPeer({ ...there, block: cidr("10.244.1.0/24") });
  path.set({ tunnelIfindex: 99, tunnelId: 1 });
});

type Program = "from_pod" | "from_net" | "to_pod";

function send(program: Program, text: string, sequence: number, acknowledged = 0): void {
  const numbers = { sequence: sequence >>> 0, acknowledged: acknowledged >>> 0 };
  runProgram(path.programFd(program), segment(text, { numbers }), loopback);
}

/** Of the only connection that there is. */
function flags(): number {
  const found = [...path.connections.connections.entries()].map(([, value]) => value.flags);
  expect(found).toHaveLength(1);
  return found[0] ?? 0;
}

const isReset = () => (flags() & connectionFlags.reset) !== 0;
const hasEnded = () => {
  const both = connectionFlags.finOpener | connectionFlags.finOther;
  return (flags() & both) === both;
};

/** The client asks the pod, which answers. */
function open(): void {
  send("from_net", `tcp ${client} > ${pod} S`, clients);
  send("from_pod", `tcp ${pod} > ${client} SA`, pods, clients + 1);
  send("from_net", `tcp ${client} > ${pod} A`, clients + 1, pods + 1);
}

describe("a reset over the network", () => {
  beforeEach(open);
  const rows: readonly (readonly [what: string, sequence: number, isBelieved: boolean])[] = [
    ["with the next number is believed", clients + 1, true],
    ["a little ahead of what was seen is believed", clients + 500_000, true],
    ["just behind what was seen is believed", clients - 0xffff, true],
    ["with a number of elsewhere is not", elsewhere, false],
    ["far ahead is not", clients + 0x20_0000, false],
    ["far behind is not", clients - 0x2_0001, false],
    ["without a number is not", 0, false],
  ];
  for (const [what, sequence, isBelieved] of rows) {
    for (const program of ["from_net", "to_pod"] as const) {
      test(`${what}, ${program}`, () => {
        send(program, `tcp ${client} > ${pod} R`, sequence);
        expect(isReset()).toBe(isBelieved);
      });
    }
  }

  test("is believed wherever its sender has come to, also when its numbers begin anew", () => {
    send("from_pod", `tcp ${pod} > ${client} A`, pods + 1, clients + 1);
    for (let at = clients; at < clients + 0x1_2000_0000; at += 0xf_0000) {
      send("from_net", `tcp ${client} > ${pod} A`, at);
    }
    send("from_net", `tcp ${client} > ${pod} R`, clients + 1);
    expect(isReset()).toBe(false);
    send("from_net", `tcp ${client} > ${pod} R`, clients + 0x1_2000_0000);
    expect(isReset()).toBe(true);
  });

  test("is not helped by packets of elsewhere that come before it", () => {
    for (let i = 0; i < 3; i++) send("from_net", `tcp ${client} > ${pod} A`, elsewhere + i);
    send("from_net", `tcp ${client} > ${pod} R`, elsewhere + 3);
    expect(isReset()).toBe(false);
  });
});

describe("a reset of the pod's own", () => {
  test("is believed: nobody else can have sent it", () => {
    open();
    send("from_pod", `tcp ${pod} > ${client} R`, elsewhere);
    expect(isReset()).toBe(true);
  });
});

describe("a refusal", () => {
  const refused = "tcp 10.244.0.1:5000 > 203.0.113.10:80 S";
  const refusal = "tcp 203.0.113.10:80 > 10.244.0.1:5000 RA";

  test("is believed when it names what it refuses, and else is not", () => {
    send("from_pod", refused, pods);
    send("from_net", refusal, 0, elsewhere);
    expect(isReset()).toBe(false);
    send("from_net", refusal, 0, pods + 1);
    expect(isReset()).toBe(true);
  });
});

describe("the end of a connection", () => {
  beforeEach(open);

  test("comes when both have said so", () => {
    send("from_net", `tcp ${client} > ${pod} FA`, clients + 1, pods + 1);
    expect(hasEnded()).toBe(false);
    send("from_pod", `tcp ${pod} > ${client} FA`, pods + 1, clients + 2);
    expect(hasEnded()).toBe(true);
  });

  test("does not come by a guess", () => {
    send("from_pod", `tcp ${pod} > ${client} FA`, pods + 1, clients + 1);
    send("from_net", `tcp ${client} > ${pod} FA`, elsewhere, pods + 2);
    expect(hasEnded()).toBe(false);
    send("from_net", `tcp ${client} > ${pod} FA`, clients + 1, pods + 2);
    expect(hasEnded()).toBe(true);
  });

  test("comes for a client that began anew where its end was not seen", () => {
    send("from_net", `tcp ${client} > ${pod} S`, elsewhere);
    send("from_net", `tcp ${client} > ${pod} R`, elsewhere);
    expect(isReset()).toBe(false);
    send("from_pod", `tcp ${pod} > ${client} SA`, pods + 0x1000_0000, elsewhere + 1);
    send("from_net", `tcp ${client} > ${pod} R`, elsewhere + 1);
    expect(isReset()).toBe(true);
  });
});

describe("a forged reset", () => {
  test("lets nobody have a translated connection's place", () => {
    serve(path, node, "tcp", [far]);
    send("from_net", `tcp ${client} > ${node} S`, clients);
    const [key] = [...path.connections.connections.entries()].map(([tuple]) => tuple);
    const hidden = key?.sourcePort === 8080 ? key.destinationPort : key?.sourcePort;
    send("from_net", `tcp ${far} > 172.30.0.11:${hidden} SA`, pods, clients + 1);
    const translations = () =>
      [...path.connections.translations.entries()].map(([said]) => JSON.stringify(said)).sort();
    const before = translations();
    send("from_net", `tcp ${client} > ${node} R`, elsewhere);
    send("from_net", `tcp ${client} > ${node} S`, elsewhere);
    expect(isReset()).toBe(false);
    expect(translations()).toEqual(before);
  });

  test("begins nothing where no connection is known", () => {
    send("from_net", `tcp 203.0.113.10:80 > 10.244.0.1:5000 RA`, elsewhere);
    send("from_pod", `tcp 10.244.0.1:5000 > 203.0.113.10:80 R`, elsewhere);
    expect([...path.connections.connections.entries()]).toEqual([]);
  });
});
