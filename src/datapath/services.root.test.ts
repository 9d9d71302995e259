// Single packets of services through the programs: to whom they go, what they then say, and how answers come back.

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { runProgram } from "#kernel/bpf-test-run.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { mac } from "#net/mac.ts";
import { emptyMaps, serve as serveWith, smallMaps, verdicts } from "#test/packet-path.ts";
import { type SegmentOptions, segment, showSegment } from "#test/segment.ts";
import { Datapath } from "./datapath.ts";
import { choiceFlags } from "./service-format.ts";

const loopback = 1;

let path: Datapath;
beforeAll(() => {
  path = new Datapath({ pins: undefined, sizes: smallMaps });
});
afterAll(() => path[Symbol.dispose]());
beforeEach(() => {
  emptyMaps(path);
  const macs = { mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff"), mtu: 1500, policySet: 0 };
  path.setEndpoint({ ...macs, id: 1, ifindex: loopback, ipv4: ip("10.244.0.1"), ipv6: ip("fd00:10:244::1") });
  path.setEndpoint({ ...macs, id: 2, ifindex: 77, ipv4: ip("10.244.0.2"), ipv6: ip("fd00:10:244::2") });
  const node = { ipv4: ip("172.30.0.11"), ipv6: ip("fd00:30::11") };
  path.set({ tunnelIfindex: 99, tunnelId: 1, node, firstPort: 61_000, lastPort: 61_003, tunnelPort: 8472 });
  path.policy.identities.set(node.ipv4, 1);
  for (const block of ["10.244.1.0/24", "fd00:10:244:1::/64"]) {
    path.setPeer({ node: ip("172.30.0.12"), mac: mac("02:00:00:00:99:02"), block: cidr(block), tunnel: true });
  }
});

const serve = (...rest: Parameters<typeof serveWith> extends [Datapath, ...infer R] ? R : never) =>
  serveWith(path, ...rest);

function send(program: Parameters<Datapath["programFd"]>[0], text: string, options?: SegmentOptions): string {
  const before = path.counts();
  const { result, packet } = runProgram(path.programFd(program), segment(text, options), loopback);
  const after = path.counts();
  const names = Object.keys(after) as (keyof typeof after)[];
  const counted = names.filter((name) => after[name].packets > before[name].packets).join();
  return `${verdicts.get(result) ?? result} ${counted}: ${showSegment(packet)}`;
}

describe("a pod that asks a service", () => {
  const rows: readonly (readonly [asked: string, backend: string, sent: string, answer: string, answered: string])[] = [
    [
      ...(["10.96.0.1:80", "10.244.0.2:8080"] as const),
      "tcp 10.244.0.1:5000 > 10.96.0.1:80 S",
      "tcp 10.244.0.1:5000 > 10.244.0.2:8080 S",
      "tcp 10.96.0.1:80 > 10.244.0.1:5000 SA",
    ],
    [
      ...(["10.96.0.1:53", "10.244.0.2:5353"] as const),
      "udp 10.244.0.1:5000 > 10.96.0.1:53",
      "udp 10.244.0.1:5000 > 10.244.0.2:5353",
      "udp 10.96.0.1:53 > 10.244.0.1:5000",
    ],
    [
      ...(["fd00:10:96::1 80", "fd00:10:244::2 8080"] as const),
      "tcp [fd00:10:244::1]:5000 > [fd00:10:96::1]:80 S",
      "tcp [fd00:10:244::1]:5000 > [fd00:10:244::2]:8080 S",
      "tcp [fd00:10:96::1]:80 > [fd00:10:244::1]:5000 SA",
    ],
    [
      ...(["10.96.0.1:7", "10.244.0.2:7"] as const),
      "sctp 10.244.0.1:5000 > 10.96.0.1:7",
      "sctp 10.244.0.1:5000 > 10.244.0.2:7",
      "sctp 10.96.0.1:7 > 10.244.0.1:5000",
    ],
  ];
  for (const [frontend, backend, asked, toBackend, toClient] of rows) {
    test(`reaches a pod of the node and hears the service answer: ${asked}`, () => {
      serve(frontend, asked.slice(0, asked.indexOf(" ")) as "tcp", [backend]);
      expect(send("from_pod", asked)).toBe(`redirect forward-local: ${toBackend}`);
      const answer = turned(toBackend);
      // The backend's own link is the one that the test's packets seem to come over.
      path.setEndpoint({
        ...{ id: 2, ifindex: loopback, mtu: 1500, mac: mac("02:00:00:00:01:01"), hostMac: mac("02:00:00:00:01:ff") },
        ...{ ipv4: ip("10.244.0.2"), ipv6: ip("fd00:10:244::2"), policySet: 0 },
      });
      expect(send("from_pod", answer)).toBe(`redirect forward-local: ${toClient}`);
    });
  }

  test("reaches a pod of another node, and what comes back is the service's", () => {
    serve("10.96.0.1:80", "tcp", ["10.244.1.7:8080"]);
    expect(send("from_pod", "tcp 10.244.0.1:5000 > 10.96.0.1:80 S")).toBe(
      "redirect forward-tunnel: tcp 10.244.0.1:5000 > 10.244.1.7:8080 S",
    );
    expect(send("from_net", "tcp 10.244.1.7:8080 > 10.244.0.1:5000 SA")).toBe(
      "redirect forward-local: tcp 10.96.0.1:80 > 10.244.0.1:5000 SA",
    );
    expect(send("from_pod", "tcp 10.244.0.1:5000 > 10.96.0.1:80 A")).toBe(
      "redirect forward-tunnel: tcp 10.244.0.1:5000 > 10.244.1.7:8080 A",
    );
  });

  test("stays with its backend for the whole connection, and asks anew with the next", () => {
    serve("10.96.0.1:80", "tcp", ["10.244.1.7:8080", "10.244.1.8:8080", "10.244.1.9:8080"]);
    const ask = (port: number, flags: string) =>
      /> (10\.244\.1\.\d)/.exec(send("from_pod", `tcp 10.244.0.1:${port} > 10.96.0.1:80 ${flags}`))?.[1];
    const first = ask(5000, "S");
    for (let i = 0; i < 20; i++) expect(ask(5000, "A")).toBe(first);
    expect(new Set(Array.from({ length: 60 }, (_, i) => ask(6000 + i, "S"))).size).toBe(3);
    const [client, server] = ["10.244.0.1:5000", `${first}:8080`];
    send("from_pod", `tcp ${client} > 10.96.0.1:80 FA`);
    send("from_net", `tcp ${server} > ${client} FA`);
    const again = new Set(
      Array.from({ length: 60 }, () => {
        const chosen = ask(5000, "S");
        send("from_net", `tcp ${chosen}:8080 > ${client} RA`);
        return chosen;
      }),
    );
    expect(again.size).toBe(3);
  });

  test("reaches itself, as the node", () => {
    serve("10.96.0.1:80", "tcp", ["10.244.0.1:8080"]);
    const sent = send("from_pod", "tcp 10.244.0.1:5000 > 10.96.0.1:80 S");
    expect(sent).toMatch(/^redirect forward-local: tcp 172\.30\.0\.11:6100\d > 10\.244\.0\.1:8080 S$/);
    const port = /11:(\d+)/.exec(sent)?.[1];
    expect(send("from_pod", `tcp 10.244.0.1:8080 > 172.30.0.11:${port} SA`)).toBe(
      "redirect forward-local: tcp 10.96.0.1:80 > 10.244.0.1:5000 SA",
    );
  });

  test("hears at once that nobody is there, also at ports that the service does not have", () => {
    serve("10.96.0.1:80", "tcp", []);
    path.services.frontends.set(
      { address: ip("10.96.0.1"), port: 0, protocol: 0 },
      {
        service: 1,
        affinitySeconds: 0,
        inside: { set: 0, count: 0, flags: 0 },
        outside: { set: 0, count: 0, flags: 0 },
      },
    );
    for (const port of [80, 81]) {
      const text = `tcp 10.244.0.1:5000 > 10.96.0.1:${port} S`;
      expect(send("from_pod", text)).toBe(`kernel refused-service: ${text}`);
    }
  });

  test("keeps to one backend as long as its affinity lasts", () => {
    serve("10.96.0.1:80", "tcp", ["10.244.1.7:8080", "10.244.1.8:8080", "10.244.1.9:8080"], 0, 60);
    const chosen = Array.from(
      { length: 40 },
      (_, i) => /> (10\.244\.1\.\d)/.exec(send("from_pod", `tcp 10.244.0.1:${6000 + i} > 10.96.0.1:80 S`))?.[1],
    );
    expect(new Set(chosen).size).toBe(1);
  });

  test("keeps two connections of one port to one backend apart", () => {
    serve("10.96.0.1:80", "tcp", ["10.244.1.7:8080"]);
    serve("10.96.0.2:80", "tcp", ["10.244.1.7:8080"]);
    expect(send("from_pod", "tcp 10.244.0.1:5000 > 10.96.0.1:80 S")).toContain("10.244.0.1:5000 > 10.244.1.7:8080");
    const second = send("from_pod", "tcp 10.244.0.1:5000 > 10.96.0.2:80 S");
    expect(second).toMatch(/10\.244\.0\.1:6100\d > 10\.244\.1\.7:8080/);
    const port = /0\.1:(\d+)/.exec(second)?.[1];
    expect(send("from_net", `tcp 10.244.1.7:8080 > 10.244.0.1:${port} SA`)).toContain(
      "tcp 10.96.0.2:80 > 10.244.0.1:5000 SA",
    );
    expect(send("from_net", "tcp 10.244.1.7:8080 > 10.244.0.1:5000 SA")).toContain(
      "tcp 10.96.0.1:80 > 10.244.0.1:5000 SA",
    );
  });

  test("gets its fragments to one backend, whole", () => {
    serve("10.96.0.1:53", "udp", ["10.244.1.7:5353", "10.244.1.8:5353", "10.244.1.9:5353"]);
    const id = 77;
    const first = send("from_pod", "udp 10.244.0.1:5000 > 10.96.0.1:53", { fragment: { id, offset: 0, more: true } });
    const backend = /> (10\.244\.1\.\d)/.exec(first)?.[1];
    expect(send("from_pod", "udp 10.244.0.1 > 10.96.0.1", { fragment: { id, offset: 24, more: false } })).toBe(
      `redirect forward-tunnel: udp 10.244.0.1 > ${backend} fragment`,
    );
    expect(send("from_pod", "udp 10.244.0.1 > 10.96.0.1", { fragment: { id: 78, offset: 24, more: false } })).toBe(
      "drop drop-fragment: udp 10.244.0.1 > 10.96.0.1 fragment",
    );
  });

  test("hears errors about what it sent to the service, not to the backend", () => {
    for (const [frontend, backend, asked, seen, router] of [
      [
        "10.96.0.1:53",
        "10.244.1.7:5353",
        "udp 10.244.0.1:5000 > 10.96.0.1:53",
        "udp 10.244.0.1:5000 > 10.244.1.7:5353",
        "172.30.0.1",
      ],
      [
        "fd00:10:96::1 53",
        "fd00:10:244:1::7 5353",
        "udp [fd00:10:244::1]:5000 > [fd00:10:96::1]:53",
        "udp [fd00:10:244::1]:5000 > [fd00:10:244:1::7]:5353",
        "fd00:30::1",
      ],
    ] as const) {
      serve(frontend, "udp", [backend]);
      expect(send("from_pod", asked)).toContain(seen);
      const v6 = router.includes(":");
      const pod = v6 ? "fd00:10:244::1" : "10.244.0.1";
      const tooBig = v6 ? "2/0" : "3/4";
      expect(send("from_net", `icmp ${router} > ${pod} error ${tooBig} (${seen})`)).toBe(
        `redirect forward-local: icmp ${router} > ${pod} error ${tooBig} (${asked})`,
      );
      const service = v6 ? "fd00:10:96::1" : "10.96.0.1";
      const server = v6 ? "fd00:10:244:1::7" : "10.244.1.7";
      const closed = v6 ? "1/4" : "3/3";
      expect(send("from_net", `icmp ${server} > ${pod} error ${closed} (${seen})`)).toBe(
        `redirect forward-local: icmp ${service} > ${pod} error ${closed} (${asked})`,
      );
    }
  });

  test("may leave the checksum of its datagrams out, over IPv4", () => {
    serve("10.96.0.1:53", "udp", ["10.244.0.2:5353"]);
    const frame = segment("udp 10.244.0.1:5000 > 10.96.0.1:53");
    const checksumAt = 14 + 20 + 6;
    frame.fill(0, checksumAt, checksumAt + 2);
    const { packet } = runProgram(path.programFd("from_pod"), frame, loopback);
    expect([...packet.subarray(checksumAt - 4, checksumAt + 2)]).toEqual([5353 >> 8, 5353 & 0xff, 0, 24, 0, 0]);
  });

  test("cannot have SCTP at another port than the backend's: its checksum would have to be made anew", () => {
    serve("10.96.0.1:7", "sctp", ["10.244.0.2:8"]);
    expect(send("from_pod", "sctp 10.244.0.1:5000 > 10.96.0.1:7")).toContain("drop drop-translation");
    expect([...path.connections.translations.entries()]).toEqual([]);
  });
});

describe("a client outside", () => {
  const client = "203.0.113.10:4000";

  test("reaches a pod of the node by its own address, and hears the node answer", () => {
    serve("172.30.0.11:30080", "tcp", ["10.244.0.1:8080"]);
    expect(send("from_net", `tcp ${client} > 172.30.0.11:30080 S`)).toBe(
      `redirect forward-local: tcp ${client} > 10.244.0.1:8080 S`,
    );
    // The test's namespace has no route to the client.
    expect(send("from_pod", `tcp 10.244.0.1:8080 > ${client} SA`)).toBe(
      `drop drop-route: tcp 172.30.0.11:30080 > ${client} SA`,
    );
  });

  test("reaches a pod of another node by the node's address, and gets its answer from there", () => {
    serve("172.30.0.11:30080", "tcp", ["10.244.1.7:8080"]);
    const sent = send("from_net", `tcp ${client} > 172.30.0.11:30080 S`);
    expect(sent).toMatch(/^redirect forward-tunnel: tcp 172\.30\.0\.11:6100\d > 10\.244\.1\.7:8080 S$/);
    const port = /11:(\d+)/.exec(sent)?.[1];
    expect(send("from_net", `tcp 10.244.1.7:8080 > 172.30.0.11:${port} SA`)).toBe(
      `drop drop-route: tcp 172.30.0.11:30080 > ${client} SA`,
    );
  });

  test("keeps its port where the checksum is over it, though it is hidden behind the node: SCTP", () => {
    serve("172.30.0.11:30080", "sctp", ["10.244.1.7:30080"]);
    expect(send("from_net", `sctp ${client} > 172.30.0.11:30080`)).toBe(
      "redirect forward-tunnel: sctp 172.30.0.11:4000 > 10.244.1.7:30080",
    );
    expect(send("from_net", "sctp 10.244.1.7:30080 > 172.30.0.11:4000")).toBe(
      `drop drop-route: sctp 172.30.0.11:30080 > ${client}`,
    );
  });

  test("finds no port left when all of the node's range are in use", () => {
    serve("172.30.0.11:30080", "tcp", ["10.244.1.7:8080"]);
    const ask = (port: number) => send("from_net", `tcp 203.0.113.10:${port} > 172.30.0.11:30080 S`);
    const taken = new Set<string | undefined>();
    for (let port = 4000; port < 4004; port++) taken.add(/11:(\d+)/.exec(ask(port))?.[1]);
    expect([...taken].sort()).toEqual(["61000", "61001", "61002", "61003"]);
    expect(ask(4004)).toContain("drop drop-ports");
  });

  test("is nobody of the cluster", () => {
    serve("172.30.0.11:30080", "tcp", ["10.244.0.1:8080"]);
    for (const forged of ["10.244.0.1:5", "172.30.0.11:5"]) {
      expect(send("from_net", `tcp ${forged} > 172.30.0.11:30080 S`)).toContain("drop drop-source");
    }
  });

  test("is refused where the service names its clients and it is none of them", () => {
    const service = serve("172.30.0.11:80", "tcp", ["10.244.0.1:8080"], choiceFlags.sourceRanges);
    path.services.sourceRanges.set({ service, block: cidr("203.0.113.0/28") }, 1);
    expect(send("from_net", `tcp ${client} > 172.30.0.11:80 S`)).toContain("redirect forward-local");
    expect(send("from_net", "tcp 203.0.113.16:4000 > 172.30.0.11:80 S")).toContain("drop drop-service");
  });

  test("finds nobody where only pods of this node serve and none does", () => {
    serve("172.30.0.11:80", "tcp", [], choiceFlags.drop);
    expect(send("from_net", `tcp ${client} > 172.30.0.11:80 S`)).toContain("drop drop-service");
  });

  test("speaks with the node itself as if there were no services", () => {
    const text = `tcp ${client} > 172.30.0.11:22 S`;
    expect(send("from_net", text)).toBe(`kernel : ${text}`);
    expect([...path.connections.connections.entries()]).toEqual([]);
  });
});

/** What the other end says. */
function turned(text: string): string {
  const [, name = "", from = "", to = "", flags = ""] = /^(\w+) (\S+) > (\S+) ?(.*)$/.exec(text) ?? [];
  return `${name} ${to} > ${from}${flags === "S" ? " SA" : ""}`;
}
