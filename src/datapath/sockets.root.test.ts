// Real sockets that ask for services: who they reach, and what their owners see, on both families.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { Netns } from "#kernel/netns.ts";
import { netnsCookie } from "#kernel/netns-cookie.ts";
import { familyOf, ip } from "#net/ip.ts";
import { type Netns as BoxNetns, Sandbox } from "#test/sandbox.ts";
import { type SocketClient, SocketNode, type Step } from "#test/sockets/socket-node.ts";
import { Datapath } from "./datapath.ts";
import { choiceFlags, maglevBuckets, maglevChunk, namespaceFlags } from "./service-format.ts";
import { attachSockets } from "./sockets.ts";

const servers4 = ["10.244.0.1", "10.244.0.2"];
const servers6 = ["fd00::1", "fd00::2"];
const targetPort = 8080;
/** A service's address that something answers at as well: who is not translated reaches that. */
const answering = "10.96.0.9";
const protocols = { tcp: 6, udp: 17 } as const;

let box: Sandbox;
let node: SocketNode;
let path: Datapath;
let links: Disposable;
let netns: BoxNetns;
let client: SocketClient;

type Offer = {
  readonly at: string;
  readonly port?: number;
  readonly protocol?: keyof typeof protocols;
  readonly to: readonly string[];
  readonly affinitySeconds?: number;
  readonly flags?: number;
};

let services = 0;

/** A service in the maps; its number, which is that of its set of slots, and its backends' are 100 times that and up. */
function offer({ at, port = 80, protocol = "tcp", to, affinitySeconds = 0, flags = 0 }: Offer): number {
  const { frontends, slots, backends } = path.services;
  const service = ++services;
  to.forEach((address, slot) => {
    const number = service * 100 + slot;
    backends.set(number, { address: ip(address), port: targetPort, flags: 0, service });
    slots.set({ set: service, slot }, number);
  });
  const inside = { set: service, count: to.length, flags };
  const key = { address: ip(at), port, protocol: port === 0 ? 0 : protocols[protocol] };
  frontends.set(key, { service, affinitySeconds, inside, outside: { set: 0, count: 0, flags: 0 } });
  return service;
}

/** As often as it takes for chance to be none. */
async function askOften(from: SocketClient, address: string, times = 24): Promise<readonly string[]> {
  const steps = Array.from({ length: times }, (): readonly Step[] => [
    ["open", "often", "tcp4"],
    ["connect", "often", address, 80],
    ["ask", "often"],
  ]);
  const results = await from.run(...steps.flat());
  return [...new Set(results.filter((_, index) => index % 3 === 2))].sort();
}

beforeAll(async () => {
  box = new Sandbox();
  node = new SocketNode(box);
  path = new Datapath({ pins: undefined });
  links = attachSockets({ datapath: path, cgroup: node.cgroup, pins: undefined });
  await node.serve(targetPort, ...servers4, ...servers6);
  await node.serve(80, answering);
  netns = node.netns();
  client = node.client(netns);
  for (const protocol of ["tcp", "udp"] as const) {
    offer({ at: "10.96.0.1", protocol, to: servers4.slice(0, 1) });
    offer({ at: "fd00:96::1", protocol, to: servers6.slice(0, 1) });
    offer({ at: "10.96.0.2", protocol, to: [] });
    offer({ at: "fd00:96::2", protocol, to: [] });
    offer({ at: "10.96.0.3", protocol, to: [], flags: choiceFlags.drop });
  }
  for (const at of ["10.96.0.1", "fd00:96::1"]) offer({ at, port: 0, to: [] });
});

afterAll(async () => {
  links?.[Symbol.dispose]();
  path?.[Symbol.dispose]();
  await node?.[Symbol.asyncDispose]();
  box?.[Symbol.dispose]();
});

describe("a connected socket", () => {
  const rows: readonly (readonly [what: string, kind: string, asked: string, reached: string])[] = [
    ["TCP over IPv4", "tcp4", "10.96.0.1", "10.244.0.1"],
    ["TCP over IPv6", "tcp6", "fd00:96::1", "fd00::1"],
    ["TCP to an IPv4 address from an IPv6 socket", "tcp6", "::ffff:10.96.0.1", "10.244.0.1"],
    ["UDP over IPv4", "udp4", "10.96.0.1", "10.244.0.1"],
    ["UDP over IPv6", "udp6", "fd00:96::1", "fd00::1"],
    ["UDP to an IPv4 address from an IPv6 socket", "udp6", "::ffff:10.96.0.1", "10.244.0.1"],
  ];
  for (const [what, kind, asked, reached] of rows) {
    test(`reaches a backend and names the service as its peer: ${what}`, async () => {
      const results = await client.run(
        ["open", "a", kind],
        ["connect", "a", asked, 80],
        ["ask", "a"],
        ["peer", "a"],
        ["close", "a"],
      );
      expect(results).toEqual(["ok", "ok", reached, `${asked} 80`, "ok"]);
    });
  }

  test("is told that the service has answered, also when it asks who has", async () => {
    for (const [kind, asked] of [
      ["udp4", "10.96.0.1"],
      ["udp6", "fd00:96::1"],
      ["udp6", "::ffff:10.96.0.1"],
    ] as const) {
      const results = await client.run(
        ["open", "a", kind],
        ["connect", "a", asked, 80],
        ["send", "a"],
        ["receivefrom", "a"],
      );
      const reached = asked === "fd00:96::1" ? "fd00::1" : "10.244.0.1";
      expect(results.at(-1)).toBe(`${reached} from ${asked} 80`);
    }
  });

  test("forgets the service when it is connected to a pod itself", async () => {
    const results = await client.run(
      ["open", "a", "udp4"],
      ["connect", "a", "10.96.0.1", 80],
      ["peer", "a"],
      ["connect", "a", "10.244.0.1", targetPort],
      ["peer", "a"],
    );
    expect(results).toEqual(["ok", "ok", "10.96.0.1 80", "ok", `10.244.0.1 ${targetPort}`]);
  });

  test("reaches all backends in time", async () => {
    offer({ at: "10.96.1.1", to: servers4 });
    expect(await askOften(client, "10.96.1.1")).toEqual(servers4);
  });

  test("reaches what the Maglev table says", async () => {
    const service = offer({ at: "10.96.1.2", to: servers4, flags: choiceFlags.maglev });
    const second = Array.from({ length: maglevChunk }, () => 1);
    for (let chunk = 0; chunk < maglevBuckets / maglevChunk; chunk++) {
      path.services.maglev.set({ set: service, slot: chunk }, second);
    }
    expect(await askOften(client, "10.96.1.2")).toEqual(servers4.slice(1));
  });

  test("reaches anybody where a Maglev table is missing", async () => {
    offer({ at: "10.96.1.3", to: servers4, flags: choiceFlags.maglev });
    expect(await askOften(client, "10.96.1.3")).toEqual(servers4);
  });
});

describe("a socket that is not connected", () => {
  const rows: readonly (readonly [what: string, kind: string, asked: string, reached: string])[] = [
    ["IPv4", "udp4", "10.96.0.1", "10.244.0.1"],
    ["IPv6", "udp6", "fd00:96::1", "fd00::1"],
    ["IPv4 from an IPv6 socket", "udp6", "::ffff:10.96.0.1", "10.244.0.1"],
  ];
  for (const [what, kind, asked, reached] of rows) {
    test(`sends to a backend and has its answer from the service: ${what}`, async () => {
      const results = await client.run(["open", "a", kind], ["askfrom", "a", asked, 80], ["askfrom", "a", asked, 80]);
      expect(results).toEqual(["ok", `${reached} from ${asked} 80`, `${reached} from ${asked} 80`]);
    });
  }

  test("sends to pods themselves as ever", async () => {
    const results = await client.run(["open", "a", "udp4"], ["askfrom", "a", "10.244.0.2", targetPort]);
    expect(results).toEqual(["ok", `10.244.0.2 from 10.244.0.2 ${targetPort}`]);
  });

  test("keeps a backend while it is there, each socket its own, and takes another when it is gone", async () => {
    const service = offer({ at: "10.96.2.1", protocol: "udp", to: servers4 });
    const ask = (name: string): readonly Step[] =>
      Array.from({ length: 12 }, () => ["askfrom", name, "10.96.2.1", 80] as const);
    const names = Array.from({ length: 24 }, (_, number) => `s${number}`);
    const kept = new Set<string>();
    for (const name of names) {
      const [, ...answers] = await client.run(["open", name, "udp4"], ...ask(name));
      expect(new Set(answers).size).toBe(1);
      kept.add(answers[0] ?? "");
    }
    expect([...kept].sort()).toEqual(servers4.map((server) => `${server} from 10.96.2.1 80`));
    // As an agent does it: other slots, the frontend, and then the backend goes.
    const next = service + 1_000_000;
    path.services.slots.set({ set: next, slot: 0 }, service * 100 + 1);
    const outside = { set: 0, count: 0, flags: 0 };
    const inside = { set: next, count: 1, flags: 0 };
    const key = { address: ip("10.96.2.1"), port: 80, protocol: protocols.udp };
    path.services.frontends.set(key, { service, affinitySeconds: 0, inside, outside });
    path.services.backends.delete(service * 100);
    for (const name of names) {
      expect(await client.run(["askfrom", name, "10.96.2.1", 80])).toEqual(["10.244.0.2 from 10.96.2.1 80"]);
    }
  });

  test("keeps apart the services that it speaks with", async () => {
    offer({ at: "10.96.2.2", protocol: "udp", to: servers4.slice(1) });
    const results = await client.run(
      ["open", "a", "udp4"],
      ["sendto", "a", "10.96.0.1", 80],
      ["receivefrom", "a"],
      ["askfrom", "a", "10.96.2.2", 80],
      ["askfrom", "a", "10.96.0.1", 80],
    );
    expect(results.slice(2)).toEqual([
      "10.244.0.1 from 10.96.0.1 80",
      "10.244.0.2 from 10.96.2.2 80",
      "10.244.0.1 from 10.96.0.1 80",
    ]);
  });
});

describe("a service that nobody serves", () => {
  const rows: readonly (readonly [what: string, steps: readonly Step[], outcome: string])[] = [
    [
      "refuses TCP",
      [
        ["open", "a", "tcp4"],
        ["connect", "a", "10.96.0.2", 80],
      ],
      "ECONNREFUSED",
    ],
    [
      "refuses TCP over IPv6",
      [
        ["open", "a", "tcp6"],
        ["connect", "a", "fd00:96::2", 80],
      ],
      "ECONNREFUSED",
    ],
    [
      "refuses connected UDP",
      [
        ["open", "a", "udp4"],
        ["connect", "a", "10.96.0.2", 80],
      ],
      "ECONNREFUSED",
    ],
    [
      "refuses datagrams",
      [
        ["open", "a", "udp4"],
        ["sendto", "a", "10.96.0.2", 80],
      ],
      "ECONNREFUSED",
    ],
    [
      "refuses datagrams over IPv6",
      [
        ["open", "a", "udp6"],
        ["sendto", "a", "fd00:96::2", 80],
      ],
      "ECONNREFUSED",
    ],
    [
      "is out of reach where only other nodes have backends",
      [
        ["open", "a", "tcp4"],
        ["connect", "a", "10.96.0.3", 80],
      ],
      "EHOSTUNREACH",
    ],
    [
      "refuses ports that it does not have",
      [
        ["open", "a", "tcp4"],
        ["connect", "a", "10.96.0.1", 81],
      ],
      "ECONNREFUSED",
    ],
    [
      "refuses datagrams to such ports",
      [
        ["open", "a", "udp6"],
        ["sendto", "a", "fd00:96::1", 9],
      ],
      "ECONNREFUSED",
    ],
    // What resolvers do to learn the source address (RFC 6724).
    [
      "lets such a port be connected to by UDP",
      [
        ["open", "a", "udp4"],
        ["connect", "a", "10.96.0.1", 9],
      ],
      "ok",
    ],
  ];
  for (const [what, steps, outcome] of rows) {
    test(what, async () => {
      const results = await client.run(...steps);
      expect(results.at(-1)).toBe(outcome);
    });
  }
});

describe("session affinity", () => {
  test("holds for a namespace, and is found by it", async () => {
    offer({ at: "10.96.3.1", to: servers4, affinitySeconds: 1000 });
    const [first, ...others] = await askOften(client, "10.96.3.1");
    expect(others).toEqual([]);
    const { affinities } = path.services;
    const [entry] = [...affinities.entries()].filter(([key]) => key.service === services);
    if (entry === undefined) throw new Error("No affinity was remembered");
    const [key, { seen, backend }] = entry;
    const other = services * 100 + (1 - (backend % 100));
    affinities.set(key, { seen, backend: other });
    expect(await askOften(client, "10.96.3.1")).toEqual(servers4.filter((server) => server !== first));
    // Another namespace is another client.
    await askOften(node.client(node.netns()), "10.96.3.1", 1);
    expect([...affinities.entries()].filter(([{ service }]) => service === services)).toHaveLength(2);
  });

  test("ends after its time, and when its backend is gone", async () => {
    const service = offer({ at: "10.96.3.2", to: servers4, affinitySeconds: 5 });
    const chosen = new Set<string>();
    for (let round = 0; round < 24; round++) {
      for (const answer of await askOften(client, "10.96.3.2", 1)) chosen.add(answer);
      for (const [key, { backend, seen }] of path.services.affinities.entries()) {
        if (key.service === service) path.services.affinities.set(key, { backend, seen: seen - 5 });
      }
    }
    expect([...chosen].sort()).toEqual(servers4);
    path.services.slots.set({ set: service, slot: 0 }, service * 100 + 1);
    path.services.backends.delete(service * 100);
    expect(await askOften(client, "10.96.3.2", 3)).toEqual(servers4.slice(1));
  });
});

describe("who is translated", () => {
  const ask = (address: string): readonly Step[] => [
    ["open", "a", "tcp4"],
    ["connect", "a", address, 80],
    ["ask", "a"],
    ["peer", "a"],
    ["open", "b", "udp4"],
    ["askfrom", "b", address, 80],
  ];
  const outcomes = (results: readonly string[]) => results.filter((result) => result !== "ok");
  const straight = [answering, `${answering} 80`, `${answering} from ${answering} 80`];
  const translated = ["10.244.0.1", `${answering} 80`, `10.244.0.1 from ${answering} 80`];

  test("is every socket of the control group and of those below, and no other", async () => {
    for (const protocol of ["tcp", "udp"] as const) offer({ at: answering, protocol, to: servers4.slice(0, 1) });
    const below = join(node.cgroup, "pods", "one");
    mkdirSync(below, { recursive: true });
    expect(outcomes(await client.run(...ask(answering)))).toEqual(translated);
    expect(outcomes(await node.client(netns, below).run(...ask(answering)))).toEqual(translated);
    await using elsewhere = new SocketNode(box);
    expect(outcomes(await elsewhere.client(netns).run(...ask(answering)))).toEqual(straight);
  });

  test("is no socket of a namespace that does not want it", async () => {
    const own = node.netns();
    using entered = new Netns(own.path);
    path.services.namespaces.set(netnsCookie(entered) ?? 0n, namespaceFlags.untranslated);
    expect(outcomes(await node.client(own).run(...ask(answering)))).toEqual(straight);
    expect(outcomes(await client.run(...ask(answering)))).toEqual(translated);
  });

  test("is who asks for a loopback address in the node's own namespace only", async () => {
    for (const at of ["127.0.0.1", "::1"])
      offer({ at, port: 30_080, to: familyOf(ip(at)) === "ipv4" ? servers4 : servers6 });
    const [own, pod] = [node.netns(), node.netns()];
    using entered = new Netns(own.path);
    path.services.namespaces.set(netnsCookie(entered) ?? 0n, namespaceFlags.node);
    for (const [kind, at, prefix] of [
      ["tcp4", "127.0.0.1", "10.244.0."],
      ["tcp6", "::1", "fd00::"],
    ] as const) {
      const steps: readonly Step[] = [
        ["open", "a", kind],
        ["connect", "a", at, 30_080],
        ["ask", "a"],
      ];
      expect((await node.client(own).run(...steps)).at(-1)).toStartWith(prefix);
      expect((await node.client(pod).run(...steps)).at(1)).toBe("ECONNREFUSED");
    }
  });
});
