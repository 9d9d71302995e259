// Single packets that nobody sends for good, or that only look like it: what they must not bring about.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { runProgram, type TestRunOptions } from "#kernel/bpf-test-run.ts";
import { cidr } from "#net/cidr.ts";
import { ip, ipBytes } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { emptyMaps, serve, smallMaps, verdicts } from "#test/packet-path.ts";
import { type SegmentOptions, segment, showSegment } from "#test/segment.ts";
import { Datapath } from "./datapath.ts";
import { list } from "./policy-format.ts";

const loopback = 1;
const [pod, pod6, neighbour] = ["10.244.0.1", "fd00:10:244::1", "10.244.0.2"];
const [far, far6, node, client] = ["10.244.1.7", "fd00:10:244:1::7", "172.30.0.11", "203.0.113.10"];
const set = 7;
const macs = { mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff"), mtu: 1500 };

let path: Datapath;
let translating: Datapath;
beforeAll(() => {
  path = new Datapath({ pins: undefined, sizes: smallMaps });
  translating = new Datapath({ pins: undefined, sizes: smallMaps, kernelTranslates: true });
});
afterAll(() => {
  path[Symbol.dispose]();
  translating[Symbol.dispose]();
});
beforeEach(() => {
  for (const each of [path, translating]) {
    emptyMaps(each);
    each.policy.identities.set(ip(node), 1);
    each.setEndpoint({ ...macs, id: 1, ifindex: loopback, ipv4: ip(pod), ipv6: ip(pod6), policySet: 0 });
    each.setEndpoint({ ...macs, id: 2, ifindex: 77, ipv4: ip(neighbour), ipv6: ip("fd00:10:244::2"), policySet: 0 });
    each.set({
      ...{ tunnelIfindex: 99, tunnelId: 1, tunnelPort: 8472, firstPort: 61_000, lastPort: 61_003 },
      node: { ipv4: ip(node), ipv6: undefined },
    });
    for (const block of ["10.244.1.0/24", "fd00:10:244:1::/64"]) {
      each.setPeer({ node: ip("172.30.0.12"), mac: mac("02:00:00:00:99:02"), block: cidr(block), tunnel: true });
    }
  }
});

type Program = Parameters<Datapath["programFd"]>[0];

function run(program: Program, packet: Uint8Array, of = path, options: TestRunOptions = {}): string {
  const before = of.counts();
  const { result } = runProgram(of.programFd(program), packet, loopback, options);
  const after = of.counts();
  const names = Object.keys(after) as (keyof typeof after)[];
  const counted = names.filter((name) => after[name].packets > before[name].packets);
  return [verdicts.get(result) ?? String(result), ...counted].join(" ");
}

const send = (program: Program, text: string, options?: SegmentOptions) => run(program, segment(text, options));

/** The pod may not be reached, but reaches all; or what `lists` say. */
function isolate(lists: { readonly ingress: number; readonly egress: number }): void {
  path.policy.sets.set(set, lists);
  path.setEndpoint({ ...macs, id: 1, ifindex: loopback, ipv4: ip(pod), ipv6: ip(pod6), policySet: set });
}

/** A frame with headers of 8 bytes between IPv6's own and the transport's. */
function extended(frame: Uint8Array, headers: number, kind = 60): Uint8Array {
  const at = 14 + 40;
  const more = new Uint8Array(headers * 8);
  for (let i = 0; i < headers; i++) more.set([i === headers - 1 ? (frame[20] ?? 0) : kind, 0, 1, 4], i * 8);
  const out = new Uint8Array(frame.length + more.length);
  out.set(frame.subarray(0, at));
  out.set(more, at);
  out.set(frame.subarray(at), at + more.length);
  out[20] = kind;
  new DataView(out.buffer).setUint16(18, frame.length - at + more.length);
  return out;
}

describe("headers that hide what a packet carries", () => {
  /** All is allowed but one port of TCP. */
  beforeEach(() => {
    isolate({ ingress: list.allow, egress: 9 });
    path.policy.lists.set({ prefixLength: 32, list: 9, protocol: 0, port: 0 }, { rule: 1, allow: 1 });
    path.policy.lists.set({ prefixLength: 56, list: 9, protocol: 6, port: 22 }, { rule: 2, allow: 0 });
  });
  const forbidden = () => segment(`tcp [${pod6}]:5000 > [${far6}]:22 S`);

  test("are followed as far as anybody sends them, and beyond that the packet is dropped", () => {
    expect(run("from_pod", forbidden())).toBe("drop drop-policy");
    for (const headers of [1, 4]) expect(run("from_pod", extended(forbidden(), headers))).toBe("drop drop-policy");
    for (const headers of [5, 8]) expect(run("from_pod", extended(forbidden(), headers))).toBe("drop drop-malformed");
  });

  test("cannot be in a fragment that begins with them and ends before the ports", () => {
    const fragment = segment(`tcp [${pod6}]:5000 > [${far6}]:80 S`, { fragment: { id: 5, offset: 0, more: true } });
    const headers = new Uint8Array([
      ...fragment.subarray(0, 62),
      ...new Uint8Array([6, 1, 1, 12]),
      ...new Uint8Array(12),
    ]);
    headers[54] = 60;
    expect(run("from_pod", headers)).toBe("drop drop-malformed");
  });

  test("say nothing in a later fragment: it is what the first one was", () => {
    const fragment = { id: 6, offset: 0, more: true };
    expect(send("from_pod", `udp [${pod6}]:5000 > [${far6}]:53`, { fragment })).toBe("redirect forward-tunnel");
    const later = segment(`tcp ${pod6} > ${far6}`, { fragment: { id: 6, offset: 24, more: false } });
    for (const claimed of [6, 17, 60, 0]) {
      later[54] = claimed;
      expect(run("from_pod", later)).toBe("redirect forward-tunnel");
    }
    expect([...path.connections.connections.entries()].map(([{ protocol }]) => protocol)).toEqual([17]);
  });

  test("are no IPv6 addresses that stand for IPv4's", () => {
    serve(path, "10.96.0.1:80", "tcp", [`${neighbour}:8080`]);
    for (const address of [neighbour, "10.96.0.1"]) {
      const frame = segment(`tcp [${pod6}]:5000 > [${far6}]:80 S`);
      frame.set([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, ...ipBytes(ip(address))], 38);
      expect(run("from_pod", frame)).toBe("drop drop-malformed");
    }
  });

  test("are no headers of IPv4 shorter than they can be", () => {
    const frame = segment(`tcp ${pod}:5000 > ${far}:80 S`);
    frame[14] = 0x44;
    expect(run("from_pod", frame)).toBe("drop drop-malformed");
  });
});

describe("somebody outside who says to be of the node", () => {
  test("is dropped also where a connection of that name is known", () => {
    for (const [opener, other] of [
      [neighbour, pod],
      [node, pod],
    ] as const) {
      expect(send("to_pod", `udp ${opener}:5000 > ${other}:53`)).toBe("kernel");
      for (const forged of [`udp ${opener}:5000 > ${other}:53`, `udp ${other}:53 > ${opener}:5000`]) {
        expect(send("from_net", forged)).toBe("drop drop-source");
      }
    }
    expect(send("from_pod", `udp ${pod}:6000 > ${far}:53`)).toBe("redirect forward-tunnel");
    expect(send("from_net", `udp ${pod}:6000 > ${far}:53`)).toBe("drop drop-source");
    expect(send("from_net", `udp ${far}:53 > ${pod}:6000`)).toBe("redirect forward-local");
  });

  test("is dropped where the kernel translates, too", () => {
    for (const forged of [neighbour, node]) {
      expect(run("from_net", segment(`udp ${forged}:5000 > ${pod}:53`), translating)).toBe("drop drop-source");
    }
    expect(run("from_net", segment(`udp ${client}:5000 > ${pod}:53`), translating)).toBe("kernel");
  });

  test("is dropped when it says to be a pod that is reached through the tunnel, unless it asks the node", () => {
    expect(send("from_net", `udp ${far}:5000 > ${pod}:53`)).toBe("drop drop-source");
    serve(path, `${node}:30053`, "udp", [`${pod}:53`]);
    expect(send("from_net", `udp ${far}:5000 > ${node}:30053`)).toBe("redirect forward-local");
    path.set({ tunnelIfindex: loopback });
    expect(send("from_net", `udp ${far}:5001 > ${pod}:53`)).toBe("redirect forward-local");
  });

  test("is dropped where only the port is the tunnel's", () => {
    expect(send("from_net", `udp ${neighbour}:5000 > ${pod}:8472`)).toBe("drop drop-source");
    expect(send("from_net", `udp ${client}:5000 > ${node}:8472`)).toBe("kernel");
  });

  test("is not told apart by ICMP's errors", () => {
    const error = `icmp ${neighbour} > ${pod} error 3/3 (udp ${pod}:7 > ${neighbour}:7)`;
    expect(send("from_net", error)).toBe("drop drop-source");
  });
});

describe("frames for somebody else on the wire", () => {
  test("are not taken, though their packet is for a pod", () => {
    const frame = segment(`tcp ${client}:5000 > ${pod}:80 S`);
    expect(run("from_net", frame)).toBe("redirect forward-local");
    frame[5] = 9;
    expect(run("from_net", frame)).toBe("kernel");
  });
});

describe("fragments over the node's devices", () => {
  const later = (to: string, id: number) =>
    send("from_net", `udp ${client} > ${to}`, { fragment: { id, offset: 24, more: false } });

  test("are left to the node in any order where they are for itself, and are the tunnel's", () => {
    expect(later(node, 1)).toBe("kernel");
    const fragment = { id: 2, offset: 0, more: true };
    expect(send("from_net", `udp ${client}:5000 > ${node}:8472`, { fragment })).toBe("kernel");
    expect(later(node, 2)).toBe("kernel");
    expect(later(pod, 3)).toBe("drop drop-fragment");
  });
});

describe("an ICMP error", () => {
  beforeEach(() => isolate({ ingress: list.deny, egress: list.deny }));

  test("passes where it is about a connection, and is judged as any other packet where it is about none", () => {
    const about = `(udp ${client}:5 > ${pod}:6)`;
    expect(send("from_pod", `icmp ${pod} > ${client} error 3/3 ${about}`)).toBe("drop drop-policy");
    expect(send("from_net", `icmp ${client} > ${pod} error 3/3 (udp ${pod}:6 > ${client}:5)`)).toBe("drop drop-policy");
    path.policy.sets.set(set, { ingress: list.allow, egress: list.deny });
    expect(send("from_net", `udp ${client}:5 > ${pod}:6`)).toBe("redirect forward-local");
    path.policy.sets.set(set, { ingress: list.deny, egress: list.deny });
    expect(send("from_pod", `icmp ${pod} > ${client} error 3/3 ${about}`)).toBe("kernel forward-kernel");
    expect(send("from_net", `icmp 198.51.100.1 > ${pod} error 3/4 (udp ${pod}:6 > ${client}:5)`)).toBe(
      "redirect forward-local",
    );
  });

  test("goes to whoever sent what it is about, and a pod says nothing of others' packets", () => {
    isolate({ ingress: list.deny, egress: list.allow });
    expect(send("from_pod", `udp ${pod}:6 > ${client}:5`)).toBe("kernel forward-kernel");
    isolate({ ingress: list.deny, egress: list.deny });
    for (const error of [
      `icmp ${pod} > ${far} error 3/3 (udp ${client}:5 > ${pod}:6)`,
      `icmp ${pod} > ${client} error 3/3 (udp ${pod}:6 > ${client}:5)`,
    ]) {
      expect(send("from_pod", error)).toBe("drop drop-policy");
    }
  });

  test("about IPv6 in fragments is about its connection as well", () => {
    isolate({ ingress: list.deny, egress: list.allow });
    expect(send("from_pod", `udp [${pod6}]:6 > [${far6}]:5`)).toBe("redirect forward-tunnel");
    const quoted = segment(`udp [${pod6}]:6 > [${far6}]:5`, { fragment: { id: 1, offset: 0, more: true } }).slice(14);
    const error = segment(`icmp fd00:30::1 > ${pod6} error 2/0`, { payload: quoted });
    expect(run("from_net", error)).toBe("redirect forward-local");
  });
});

describe("who may only be answered", () => {
  test("opens nothing by asking as the answer would", () => {
    isolate({ ingress: list.deny, egress: list.allow });
    expect(send("from_pod", `icmp ${pod} > ${client} echo 7`)).toBe("kernel forward-kernel");
    expect(send("from_net", `icmp ${client} > ${pod} answer 7`)).toBe("redirect forward-local");
    expect(send("from_net", `icmp ${client} > ${pod} echo 7`)).toBe("drop drop-policy");
    expect(send("from_net", `icmp ${client} > ${pod} answer 7`)).toBe("redirect forward-local");
  });

  test("does not go on with what was cut, though the pod may open connections to it", () => {
    isolate({ ingress: list.allow, egress: list.allow });
    expect(send("from_net", `tcp ${client}:5000 > ${pod}:80 S`)).toBe("redirect forward-local");
    expect(send("from_pod", `tcp ${pod}:80 > ${client}:5000 SA`)).toBe("kernel forward-kernel");
    path.policy.sets.set(set, { ingress: list.deny, egress: list.allow });
    path.set({ generation: path.settings.generation + 1 });
    for (let i = 0; i < 3; i++) {
      expect(send("from_net", `tcp ${client}:5000 > ${pod}:80 A`)).toBe("drop drop-policy");
      expect(send("from_pod", `tcp ${pod}:80 > ${client}:5000 A`)).toBe("drop drop-policy");
    }
  });

  test("is cut in what goes through a service as well, also where nobody answers", () => {
    serve(path, "10.96.0.1:53", "udp", [`${far}:53`]);
    isolate({ ingress: list.deny, egress: list.allow });
    expect(send("from_pod", `udp ${pod}:5000 > 10.96.0.1:53`)).toBe("redirect forward-tunnel");
    path.policy.sets.set(set, { ingress: list.deny, egress: list.deny });
    path.set({ generation: path.settings.generation + 1 });
    for (let i = 0; i < 2; i++) expect(send("from_pod", `udp ${pod}:5000 > 10.96.0.1:53`)).toBe("drop drop-policy");
  });

  test("leaves nothing behind when it asks services in vain", () => {
    serve(path, "10.96.0.1:53", "udp", [`${far}:53`]);
    isolate({ ingress: list.deny, egress: list.deny });
    for (let port = 1; port < 9; port++) {
      expect(send("from_pod", `udp ${pod}:${port} > 10.96.0.1:53`)).toBe("drop drop-policy");
    }
    expect([...path.connections.translations.entries()]).toEqual([]);
  });
});

describe("a packet that its device", () => {
  test("has put together from many goes on as one, however long it is", () => {
    const payload = new Uint8Array(3000);
    const frame = segment(`tcp ${client}:5000 > ${pod}:80 A`, { payload });
    expect(run("from_net", frame)).toBe("kernel forward-kernel");
    expect(run("from_net", frame, path, { gsoSize: 1000 })).toBe("redirect forward-local");
  });
});

describe("a connection through a service that the maps have forgotten in part", () => {
  const asked = `${pod}:5000 > 10.96.0.1:80`;
  for (const [protocol, flags] of [
    ["tcp", " A"],
    ["udp", ""],
  ] as const) {
    test(`goes on whoever of its ends speaks first: ${protocol}`, () => {
      serve(path, "10.96.0.1:80", protocol, [`${far}:8080`]);
      const { connections, translations } = path.connections;
      isolate({ ingress: list.deny, egress: list.allow });
      expect(send("from_pod", `${protocol} ${asked}${flags === "" ? "" : " S"}`)).toBe("redirect forward-tunnel");
      for (const [key] of [...connections.entries()]) connections.delete(key);
      expect(send("from_net", `${protocol} ${far}:8080 > ${pod}:5000${flags}`)).toBe("redirect forward-local");
      expect(send("from_pod", `${protocol} ${asked}${flags}`)).toBe("redirect forward-tunnel");
      expect([...connections.entries()].map(([{ source, destination }]) => [source, destination].sort())).toEqual([
        [ip(pod), ip(far)].sort(),
      ]);
      expect([...translations.entries()]).toHaveLength(2);
    });
  }

  test("is still the one that its opener has opened", () => {
    serve(path, "10.96.0.1:80", "tcp", [`${far}:8080`]);
    const { connections } = path.connections;
    expect(send("from_pod", `tcp ${asked} S`)).toBe("redirect forward-tunnel");
    for (const [key] of [...connections.entries()]) connections.delete(key);
    expect(send("from_pod", `tcp ${asked} A`)).toBe("redirect forward-tunnel");
    const { packet } = runProgram(path.programFd("from_net"), segment(`tcp ${far}:8080 > ${pod}:5000 A`), loopback);
    expect(showSegment(packet)).toBe(`tcp 10.96.0.1:80 > ${pod}:5000 A`);
  });

  test("has both ways remembered as long as one of its ends speaks", () => {
    serve(path, "10.96.0.1:80", "udp", [`${far}:8080`]);
    expect(send("from_pod", `udp ${asked}`)).toBe("redirect forward-tunnel");
    const { translations } = path.connections;
    for (const [key, value] of [...translations.entries()]) translations.set(key, { ...value, seen: 0 });
    expect(send("from_pod", `udp ${asked}`)).toBe("redirect forward-tunnel");
    expect([...translations.entries()].every(([, { seen }]) => seen > 0)).toBe(true);
  });
});

describe("a pod that is reached", () => {
  test("by its link, because something shapes it there, is not left to the kernel, which takes no service's addresses", () => {
    serve(path, "10.96.0.1:80", "tcp", [`${pod}:8080`]);
    const addresses = { ipv4: ip(pod), ipv6: ip(pod6) };
    path.setEndpoint({ ...macs, id: 1, ifindex: loopback, ...addresses, policySet: 0, byLink: true });
    expect(send("from_pod", `tcp ${pod}:5000 > 10.96.0.1:80 S`)).toBe("redirect forward-local");
  });

  test("by itself needs an address of the node, which has none of this family", () => {
    serve(path, "fd00:10:96::1 80", "tcp", [`${pod6} 8080`]);
    expect(send("from_pod", `tcp [${pod6}]:5000 > [fd00:10:96::1]:80 S`)).toBe("drop drop-translation");
    expect([...path.connections.translations.entries()]).toEqual([]);
  });
});
