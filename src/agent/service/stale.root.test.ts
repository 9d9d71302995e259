// Datagrams to endpoints that are gone: forgotten in the maps, and sockets closed, while all else stays.

import { expect, test } from "bun:test";
import { Datapath } from "#datapath/datapath.ts";
import { Netns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { Sandbox } from "#test/sandbox.ts";
import { SocketNode } from "#test/sockets/socket-node.ts";
import { StaleFlows } from "./stale.ts";

const settledMs = 60;

test("StaleFlows forgets datagrams and associations that came through the service, and closes sockets in all namespaces", async () => {
  using box = new Sandbox();
  await using node = new SocketNode(box);
  await node.serve(53, "10.244.0.1", "10.244.0.2");
  const [own, pod] = [node.netns(), node.netns()];
  using path = new Datapath({ pins: undefined });
  const entry = { seen: 1, generation: 0, egressRule: 0, ingressRule: 0, flags: 0, opened: 0 };
  const connect = (sourcePort: number, protocol: number, destination: string, service: number) =>
    path.connections.connections.set(
      { source: ip("10.244.0.9"), destination: ip(destination), sourcePort, destinationPort: 53, protocol },
      { ...entry, service },
    );
  connect(1, 17, "10.244.0.1", 7);
  connect(2, 17, "10.244.0.2", 7);
  connect(3, 17, "10.244.0.1", 8);
  connect(4, 6, "10.244.0.1", 7);
  connect(5, 132, "10.244.0.2", 10);
  connect(6, 132, "10.244.0.2", 11);
  connect(7, 17, "10.244.0.2", 12);
  const client = node.client(pod);
  await client.run(["open", "gone", "udp4"], ["connect", "gone", "10.244.0.1", 53]);
  await client.run(["open", "there", "udp4"], ["connect", "there", "10.244.0.2", 53]);
  const log: string[] = [];
  using netns = new Netns(own.path);
  using stale = new StaleFlows({
    ...{ maps: path.connections, netns, log: (line: string) => log.push(line) },
    podNamespaces: () => [pod.path, "/nowhere"],
  });
  stale.forget([
    { group: 7, protocol: "udp", address: ip("10.244.0.1"), port: 53 },
    { group: 9, protocol: "tcp", address: ip("10.244.0.2"), port: 53 },
    { group: 10, protocol: "sctp", address: ip("10.244.0.2"), port: 53 },
  ]);
  await Bun.sleep(settledMs);
  const left = [...path.connections.connections.entries()].map(([key]) => key.sourcePort);
  expect(left.toSorted()).toEqual([2, 3, 4, 6, 7]);
  expect(await client.run(["ask", "there"])).toEqual(["10.244.0.2"]);
  expect(await client.run(["ask", "gone"])).not.toEqual(["10.244.0.1"]);
  expect(log.some((line) => line.includes("forgot 2 connections"))).toBe(true);
});

test("StaleFlows forgets datagrams that went past a service that was not there yet, and no other connections", async () => {
  using path = new Datapath({ pins: undefined });
  const entry = { seen: 1, generation: 0, egressRule: 0, ingressRule: 0, flags: 0, opened: 0 };
  const vip = "10.96.0.10";
  const rows = [
    { port: 1, protocol: 17, to: vip, service: 0 },
    { port: 2, protocol: 132, to: vip, service: 0 },
    { port: 3, protocol: 17, to: vip, service: 7 },
    { port: 4, protocol: 17, to: "10.244.0.1", service: 0 },
    { port: 5, protocol: 6, to: vip, service: 0 },
  ];
  for (const { port, protocol, to, service } of rows) {
    const ends = { source: ip("10.244.0.9"), destination: ip(to), sourcePort: port, destinationPort: 53, protocol };
    path.connections.connections.set(ends, { ...entry, service });
  }
  const log: string[] = [];
  const line = Promise.withResolvers<string>();
  using stale = new StaleFlows({
    ...{ maps: path.connections, netns: undefined, podNamespaces: () => [] },
    log: (text: string) => line.resolve(log[log.push(text) - 1] ?? ""),
  });
  stale.forgetBefore([6, 17, 132].map((protocol) => ({ address: ip(vip), protocol, port: 53 })));
  expect(await line.promise).toBe("services: forgot 2 connections to what is a service's now");
  const left = [...path.connections.connections.entries()].map(([key]) => key.sourcePort);
  expect(left.toSorted()).toEqual([3, 4, 5]);
});
