// The server on loopback, asked by another implementation of DNS and by hand.

import { describe, expect, test } from "bun:test";
import { Resolver } from "node:dns/promises";
import * as dns from "dns-packet";
import { answerQuery, type Upstream } from "./answer.ts";
import type { ClusterNames } from "./cluster-names.ts";
import { DnsServer, type Responder } from "./server.ts";
import { upstreamAt } from "./upstream.ts";

const many = Array.from({ length: 100 }, (_, index) => ({
  addresses: [`10.244.1.${index + 1}`],
  conditions: { ready: true },
}));
const headless = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "shop", name: "many" },
  spec: { clusterIP: "None" },
};
const alias = {
  apiVersion: "v1",
  kind: "Service",
  metadata: { namespace: "shop", name: "alias" },
  spec: { type: "ExternalName", externalName: "www.example.com" },
} as const;
const names: ClusterNames = {
  domain: "cluster.local",
  service: (_, name) => [headless, alias].find(({ metadata }) => metadata.name === name),
  slicesOf: () => [
    {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { namespace: "shop", name: "many-1" },
      addressType: "IPv4",
      endpoints: many,
    },
  ],
  hasNamespace: () => true,
  servicesAt: () => [],
};

/** The outside: one name, and one that is never answered. */
const outside: Responder = async (query) => {
  const [question] = query.questions ?? [];
  const answers: dns.Answer[] = [{ type: "A", name: question?.name ?? "", ttl: 60, data: "203.0.113.10" }];
  return { id: query.id ?? 0, type: "response", flags: 0, questions: query.questions ?? [], answers };
};

function randomId(): number {
  return Math.floor(Math.random() * 0x10000);
}

async function resolverOf(server: DnsServer): Promise<Resolver> {
  const resolver = new Resolver({ timeout: 3000, tries: 1 });
  resolver.setServers([`127.0.0.1:${server.port}`]);
  return resolver;
}

describe("DnsServer", () => {
  test("answers what fits by UDP and the rest by TCP", async () => {
    const none: Upstream = async () => undefined;
    await using server = await DnsServer.listen("127.0.0.1", 0, (query) => answerQuery(query, names, none));
    const resolver = await resolverOf(server);
    const addresses = await resolver.resolve4("many.shop.svc.cluster.local");
    expect(addresses.sort()).toEqual(many.flatMap(({ addresses }) => addresses).sort());
  });

  for (const address of ["127.0.0.1", "::1"]) {
    test(`follows an alias to the outside at ${address}`, async () => {
      await using internet = await DnsServer.listen(address, 0, outside);
      const upstream = upstreamAt({ address, port: internet.port, randomId });
      await using server = await DnsServer.listen("127.0.0.1", 0, (query) => answerQuery(query, names, upstream));
      const resolver = await resolverOf(server);
      expect(await resolver.resolve4("alias.shop.svc.cluster.local")).toEqual(["203.0.113.10"]);
      expect(await resolver.resolve4("www.example.com")).toEqual(["203.0.113.10"]);
      expect(await resolver.resolveCname("alias.shop.svc.cluster.local")).toEqual(["www.example.com"]);
    });
  }

  test("says what there is not", async () => {
    const none: Upstream = async () => undefined;
    await using server = await DnsServer.listen("127.0.0.1", 0, (query) => answerQuery(query, names, none));
    const resolver = await resolverOf(server);
    await expect(resolver.resolve4("none.shop.svc.cluster.local")).rejects.toMatchObject({ code: "ENOTFOUND" });
    await expect(resolver.resolve4("www.example.com")).rejects.toMatchObject({ code: "ESERVFAIL" });
  });

  const absent: readonly (readonly [name: string, type: dns.RecordType, rcode: number])[] = [
    ["many.shop.svc.cluster.local", "AAAA", 0],
    ["none.shop.svc.cluster.local", "A", 3],
  ];
  for (const [name, type, rcode] of absent) {
    test(`says for how long ${type} ${name} is known to be absent`, async () => {
      const query: dns.Packet = { type: "query", id: 7, questions: [{ type, name }] };
      const { flags = 0, answers, authorities } = await answerQuery(query, names, async () => undefined);
      expect([flags & 0xf, answers, authorities?.map(({ type, name }) => `${type} ${name}`)]).toEqual([
        rcode,
        [],
        ["SOA cluster.local"],
      ]);
    });
  }

  test("goes on when clients are gone before their answer, and when nobody is upstream", async () => {
    const upstream = upstreamAt({ address: "127.0.0.1", port: 1, randomId });
    const slow: Upstream = async (name, type) => {
      await Bun.sleep(20);
      return await upstream(name, type);
    };
    await using server = await DnsServer.listen("127.0.0.1", 0, (query) => answerQuery(query, names, slow));
    for (let id = 1; id <= 5; id++) {
      const socket = await Bun.udpSocket({ connect: { hostname: "127.0.0.1", port: server.port } });
      socket.send(dns.encode({ type: "query", id, questions: [{ type: "A", name: "www.example.com" }] }));
      await Bun.sleep(2);
      socket.close();
    }
    await Bun.sleep(40);
    const resolver = await resolverOf(server);
    await expect(resolver.resolve4("www.example.com")).rejects.toMatchObject({ code: "ESERVFAIL" });
    expect(await resolver.resolve4("many.shop.svc.cluster.local")).toHaveLength(many.length);
  });

  test("keeps silent about what is no query, and goes on", async () => {
    const none: Upstream = async () => undefined;
    await using server = await DnsServer.listen("127.0.0.1", 0, (query) => answerQuery(query, names, none));
    const replies: dns.Packet[] = [];
    const socket = await Bun.udpSocket({
      connect: { hostname: "127.0.0.1", port: server.port },
      socket: { data: (_, message) => void replies.push(dns.decode(message)) },
    });
    const question = { type: "A", name: "none.shop.svc.cluster.local" } as const;
    const response = dns.encode({ type: "response", id: 1, questions: [question] });
    for (const message of [new Uint8Array(0), new Uint8Array(11), new Uint8Array(600).fill(0xff), response])
      socket.send(message);
    socket.send(dns.encode({ type: "query", id: 2, questions: [question, question] }));
    socket.send(dns.encode({ type: "query", id: 3, questions: [question] }));
    for (let wait = 0; wait < 200 && replies.length < 2; wait++) await Bun.sleep(5);
    socket.close();
    expect(replies.map(({ id, flags = 0 }) => [id, flags & 0xf])).toEqual([
      [2, 1],
      [3, 3],
    ]);
  });
});
