// Single packets that cannot go on where they were translated: their senders hear of what they have sent, not of what became of it.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { runProgram } from "#kernel/bpf-test-run.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { emptyMaps, serve, smallMaps, verdicts } from "#test/packet-path.ts";
import { type SegmentOptions, segment, showSegment } from "#test/segment.ts";
import { Datapath } from "./datapath.ts";
import { choiceFlags } from "./service-format.ts";

const loopback = 1;
const mtu = 1400;
const tooLong = { payload: new Uint8Array(mtu).fill(7), isWhole: true } as const;
const node = { ipv4: ip("172.30.0.11"), ipv6: ip("fd00:30::11") };

let path: Datapath;
beforeAll(() => {
  path = new Datapath({ pins: undefined, sizes: smallMaps });
});
afterAll(() => path[Symbol.dispose]());
beforeEach(() => {
  emptyMaps(path);
  const macs = { mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff"), policySet: 0 };
  path.setEndpoint({ ...macs, mtu, id: 1, ifindex: loopback, ipv4: ip("10.244.0.1"), ipv6: ip("fd00:10:244::1") });
  path.setEndpoint({ ...macs, mtu, id: 2, ifindex: 77, ipv4: ip("10.244.0.2"), ipv6: ip("fd00:10:244::2") });
  path.set({ node, firstPort: 61_000, lastPort: 61_003 });
  for (const own of [node.ipv4, node.ipv6]) path.policy.identities.set(own, 1);
  const there = { node: ip("172.30.0.12"), mac: mac("02:00:00:00:99:02"), tunnel: false };
  for (const block of ["10.244.1.0/24", "fd00:10:244:1::/64"]) path.setPeer({ ...there, block: cidr(block) });
  serve(path, "172.30.0.11:30080", "tcp", ["10.244.0.2:8080"]);
  serve(path, "fd00:30::11 30080", "tcp", ["fd00:10:244::2 8080"]);
  serve(path, "172.30.0.11:30053", "udp", ["10.244.0.2:53"]);
  serve(path, "10.96.0.1:80", "tcp", ["10.244.0.2:8080"]);
});

type Program = "from_pod" | "from_net";

function run(program: Program, frame: Uint8Array) {
  const before = path.counts();
  const { result, packet } = runProgram(path.programFd(program), frame, loopback);
  const after = path.counts();
  const names = Object.keys(after) as (keyof typeof after)[];
  const counted = names.filter((name) => after[name].packets > before[name].packets).join();
  return { said: `${verdicts.get(result) ?? result} ${counted}`, packet };
}

function send(program: Program, text: string, options?: SegmentOptions): string {
  const { said, packet } = run(program, segment(text, options));
  return `${said}: ${showSegment(packet)}`;
}

/** With the end of its time to live, and a checksum for it. */
function old(text: string): Uint8Array {
  const frame = segment(text);
  const isV6 = frame[12] === 0x86;
  const at = isV6 ? 21 : 22;
  const view = new DataView(frame.buffer);
  const was = view.getUint8(at);
  view.setUint8(at, 1);
  if (isV6) return frame;
  const sum = view.getUint16(24) + ((was - 1) << 8);
  view.setUint16(24, (sum & 0xffff) + (sum >>> 16));
  return frame;
}

const rows: readonly (readonly [what: string, program: Program, sent: string, answer: string])[] = [
  [
    "a client outside",
    "from_net",
    "tcp 203.0.113.10:4000 > 172.30.0.11:30080 A",
    "icmp 172.30.0.11 > 203.0.113.10 error 3/4 (tcp 203.0.113.10:4000 > 172.30.0.11:30080 A)",
  ],
  [
    "a client outside with datagrams",
    "from_net",
    "udp 203.0.113.10:4000 > 172.30.0.11:30053",
    "icmp 172.30.0.11 > 203.0.113.10 error 3/4 (udp 203.0.113.10:4000 > 172.30.0.11:30053)",
  ],
  [
    "a client outside, by IPv6",
    "from_net",
    "tcp [2001:db8::10]:4000 > [fd00:30::11]:30080 A",
    "icmp fd00:30::11 > 2001:db8::10 error 2/0 (tcp [2001:db8::10]:4000 > [fd00:30::11]:30080 A)",
  ],
  [
    "a pod",
    "from_pod",
    "tcp 10.244.0.1:5000 > 10.96.0.1:80 A",
    "icmp 172.30.0.11 > 10.244.0.1 error 3/4 (tcp 10.244.0.1:5000 > 10.96.0.1:80 A)",
  ],
];

describe("a packet too big for the pod that it was translated to", () => {
  for (const [what, program, sent, answer] of rows) {
    test(`is answered as its sender knows it: ${what}`, () => {
      const opening = sent.replace(/ A$/, " S");
      expect(send(program, opening)).toContain("forward-local");
      expect(send(program, sent, tooLong)).toBe(`redirect refused-size: ${answer}`);
      const { packet } = run(program, segment(sent, tooLong));
      const isV6 = packet[12] === 0x86;
      expect(new DataView(packet.buffer).getUint16(14 + (isV6 ? 40 : 20) + 6)).toBe(mtu);
      // Back to where it came from.
      expect([...packet.subarray(0, 12)]).toEqual([2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    });
  }

  test("is left to the kernel when it may be cut", () => {
    const sent = "tcp 203.0.113.10:4000 > 172.30.0.11:30080 S";
    expect(send("from_net", sent, { payload: tooLong.payload })).toBe(
      "kernel forward-kernel: tcp 203.0.113.10:4000 > 10.244.0.2:8080 S",
    );
  });

  test("is left to the kernel when it was not translated", () => {
    const sent = "tcp 203.0.113.10:4000 > 10.244.0.2:8080 S";
    expect(send("from_net", sent, tooLong)).toBe(`kernel forward-kernel: ${sent}`);
  });

  test("is answered once for all of its fragments", () => {
    const to = "203.0.113.10:4000 > 172.30.0.11:30053";
    const fragment = { id: 9, offset: 0, more: true };
    expect(send("from_net", `udp ${to}`, { fragment })).toContain("forward-local");
    const later = { ...tooLong, fragment: { ...fragment, offset: 24, more: false } };
    expect(run("from_net", segment("udp 203.0.113.10 > 172.30.0.11", later)).said).toBe("drop refused-size");
  });

  test("is not answered when it is an answer of that kind itself", () => {
    serve(path, "172.30.0.11:30054", "udp", ["10.244.0.2:54"]);
    expect(send("from_net", "udp 203.0.113.10:4000 > 172.30.0.11:30054")).toContain("forward-local");
    const quoted = segment("udp 172.30.0.11:30054 > 203.0.113.10:4000", { payload: new Uint8Array(mtu) }).slice(14);
    const error = segment("icmp 203.0.113.10 > 172.30.0.11 error 3/3", { payload: quoted, isWhole: true });
    expect(run("from_net", error).said).toBe("drop refused-size");
  });
});

describe("a packet at the end of its time to live where it was translated", () => {
  for (const [what, program, sent, tooBig] of rows) {
    test(`is answered as its sender knows it: ${what}`, () => {
      const opening = sent.replace(/ A$/, " S");
      const answer = tooBig.replace("3/4", "11/0").replace("2/0", "3/0").replace(" A)", " S)");
      const { said, packet } = run(program, old(opening));
      expect(`${said}: ${showSegment(packet)}`).toBe(`redirect refused-hops: ${answer}`);
    });
  }
});

describe("an error about what another node has answered", () => {
  const asked = "203.0.113.10:4000 > 172.30.0.11:30200";
  const error = "icmp 198.51.100.1 > 172.30.0.11 error 3/4 (tcp 172.30.0.11:30200 > 203.0.113.10:4000 A)";
  const direct = choiceFlags.maglev | choiceFlags.directReturn;

  test("goes the way of the connection it is about; the test's namespace has none", () => {
    serve(path, "172.30.0.11:30200", "tcp", ["10.244.1.7:8080"], direct);
    expect(send("from_net", `tcp ${asked} S`)).toBe(`drop drop-route: tcp ${asked} S`);
    expect(send("from_net", error)).toBe(`drop drop-route: ${error}`);
    expect([...path.connections.connections.entries(), ...path.connections.translations.entries()]).toEqual([]);
  });

  test("is the node's own business where nobody else has the connection", () => {
    for (const [backends, flags] of [
      [["10.244.0.2:8080"], direct],
      [[], direct],
      [["10.244.1.7:8080"], 0],
    ] as const) {
      emptyMaps(path);
      path.policy.identities.set(node.ipv4, 1);
      serve(path, "172.30.0.11:30200", "tcp", backends, flags);
      expect(send("from_net", error)).toBe(`kernel : ${error}`);
    }
  });

  test("is dropped rather than sent back to the address's owner", () => {
    serve(path, "172.30.0.12:30200", "tcp", ["10.244.0.2:8080"], direct);
    const toOther = error.replaceAll("172.30.0.11", "172.30.0.12");
    expect(send("from_net", toOther)).toBe(`drop drop-service: ${toOther}`);
  });
});
