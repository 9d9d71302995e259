// Clients outside the cluster and services of two nodes, with real packets: by node port to pods here and there, translated or straight back.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { FrameSocket } from "#kernel/frame-socket.ts";
import { monotonicSeconds } from "#kernel/monotonic-clock.ts";
import { Netns as HeldNetns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { mac, macBytes } from "#net/mac.ts";
import { clientAddresses, makeOutsideWorld, type OutsideWorld } from "#test/outside-world.ts";
import { serve } from "#test/packet-path.ts";
import { PathNode, type PathPod } from "#test/path-node.ts";
import type { Netns, Sandbox } from "#test/sandbox.ts";
import { segment } from "#test/segment.ts";
import { ask, join, startEcho } from "#test/traffic.ts";
import { connectionFlags } from "./connection-format.ts";
import { choiceFlags, maglevBuckets, maglevChunk } from "./service-format.ts";

const stack = new DisposableStack();
const patienceMs = 120_000;
let world: OutsideWorld;
let box: Sandbox;
let nodes: readonly PathNode[];
let client: Netns;
let near: PathPod;
let far: PathPod;
const { ipv4: clientAddress, ipv6: clientAddress6 } = clientAddresses;

beforeAll(async () => {
  world = makeOutsideWorld(stack);
  ({ box, client, near, far } = world);
  nodes = [world.first, world.second];
  for (const [pod, name] of [
    [near, "near"],
    [far, "far"],
  ] as const) {
    for (const protocol of ["tcp", "udp"] as const) await startEcho(box, pod.netns, { port: 8080, name, protocol });
  }
  for (const protocol of ["tcp", "udp"] as const)
    await startEcho(box, world.first.netns, { port: 8080, name: "node", protocol });
}, patienceMs);
afterAll(() => stack.dispose());

const first = () => world.first;

describe("a node port", () => {
  const rows: readonly (readonly [
    what: string,
    family: 4 | 6,
    protocol: "tcp" | "udp",
    backend: () => string,
    heard: string,
  ])[] = [
    ["of a pod here keeps the client's address", 4, "tcp", () => near.address, `near ${clientAddress}`],
    ["of a pod here keeps the client's address, for datagrams", 4, "udp", () => near.address, `near ${clientAddress}`],
    ["of a pod here keeps the client's IPv6 address", 6, "tcp", () => near.address6, `near ${clientAddress6}`],
    ["of a pod there hides the client behind the node", 4, "tcp", () => far.address, "far 172.30.0.1"],
    ["of a pod there hides the client behind the node, for datagrams", 4, "udp", () => far.address, "far 172.30.0.1"],
    ["of a pod there hides the client behind the node's IPv6 address", 6, "tcp", () => far.address6, "far fd00:30::1"],
  ];
  for (const [index, [what, family, protocol, backend, heard]] of rows.entries()) {
    test(what, () => {
      const port = 30_000 + index;
      const node = family === 4 ? "172.30.0.1" : "fd00:30::1";
      const [separator, own] = family === 4 ? [":", backend()] : [" ", backend()];
      serve(first().path, `${node}${separator}${port}`, protocol, [`${own}${separator}8080`]);
      for (let i = 0; i < 3; i++) expect(ask(box, client, node, port, protocol)).toBe(heard);
    });
  }

  test("of a program in the node's own network keeps the client's address", () => {
    first().path.set({ hasHostBackends: true });
    for (const protocol of ["tcp", "udp"] as const) {
      serve(first().path, "172.30.0.1:30100", protocol, ["172.30.0.1:8080"]);
      expect(ask(box, client, "172.30.0.1", 30_100, protocol)).toBe(`node ${clientAddress}`);
    }
    const { answered } = connectionFlags;
    const toNode = [...first().path.connections.connections.entries()].filter(([{ source, destination }]) =>
      [source, destination].every((each) => [ip(clientAddress), ip("172.30.0.1")].includes(each)),
    );
    expect(toNode.map(([, { flags }]) => flags & answered)).toEqual([answered, answered]);
  });

  const direct = choiceFlags.maglev | choiceFlags.directReturn;
  for (const [family, asked, backend, heard] of [
    ["IPv4", "172.30.0.1", () => `${far.address}:8080`, `far ${clientAddress}`],
    ["IPv6", "fd00:30::1", () => `${far.address6} 8080`, `far ${clientAddress6}`],
  ] as const) {
    test(`of a pod there that answers straight away keeps the client's ${family} address`, () => {
      const place = `${asked}${family === "IPv4" ? ":" : " "}30200`;
      for (const node of nodes) serve(node.path, place, "tcp", [backend()], direct);
      const handed = first().path.counts()["forward-net"].packets;
      expect(ask(box, client, asked, 30_200)).toBe(heard);
      expect(first().path.counts()["forward-net"].packets).toBeGreaterThan(handed);
      expect(
        [...first().path.connections.translations.entries()].filter(
          ([{ destinationPort }]) => destinationPort === 30_200,
        ),
      ).toEqual([]);
    });
  }

  test("of pods that answer straight away leads a client that is to stay to the same one from both nodes, whatever one remembers", () => {
    for (const { path } of nodes) {
      const service = serve(
        path,
        "172.30.0.1:30201",
        "tcp",
        [`${far.address}:8080`, `${near.address}:8080`],
        direct,
        600,
      );
      const set =
        path.services.frontends.get({ address: ip("172.30.0.1"), port: 30_201, protocol: 6 })?.outside.set ?? 0;
      for (let slot = 0; slot < maglevBuckets / maglevChunk; slot++) {
        path.services.maglev.set({ set, slot }, new Array<number>(maglevChunk).fill(0));
      }
      // Of an earlier choice, which the other node knows nothing of.
      const remembered = path.services.slots.get({ set, slot: path === first().path ? 0 : 1 }) ?? 0;
      path.services.affinities.set(
        { client: ip(clientAddress), service },
        { backend: remembered, seen: monotonicSeconds() },
      );
    }
    for (let i = 0; i < 3; i++) expect(ask(box, client, "172.30.0.1", 30_201)).toBe(`far ${clientAddress}`);
  });

  test("leaves what is for the node itself to it", () => {
    expect(ask(box, client, "172.30.0.1", 8080)).toBe(`node ${clientAddress}`);
  });
});

describe("a pod", () => {
  test("reaches a service of its own, as the node", () => {
    serve(first().path, "10.96.0.9:80", "tcp", [`${near.address}:8080`]);
    expect(ask(box, near.netns, "10.96.0.9", 80)).toBe("near 172.30.0.1");
  });

  test("reaches a service of another node's pod by its own address, and of its node's own programs", () => {
    serve(first().path, "10.96.0.10:80", "tcp", [`${far.address}:8080`]);
    serve(first().path, "10.96.0.11:80", "tcp", ["172.30.0.1:8080"]);
    expect(ask(box, near.netns, "10.96.0.10", 80)).toBe(`far ${near.address}`);
    expect(ask(box, near.netns, "10.96.0.11", 80)).toBe(`node ${near.address}`);
  });

  test("reaches the node port of a pod that shares its node", () => {
    serve(first().path, "172.30.0.1:30300", "tcp", [`${near.address}:8080`, `${near.address}:8080`]);
    expect(ask(box, near.netns, "172.30.0.1", 30_300)).toBe("near 172.30.0.1");
  });
});

describe("what a wire brings that is not for the node", () => {
  test("is not taken: frames for other machines, and of VLANs that the node has no device for", async () => {
    using node = new PathNode(box, 3);
    const outside = box.netns("outside");
    join(box, [node.netns, "eth0", `${node.address}/24`], [outside, "eth0", "172.30.0.200/24"]);
    node.receive("eth0");
    const pod = node.addPod();
    using there = new HeldNetns(outside.path);
    using socket = new FrameSocket(there, Number.parseInt(box.sh(outside, ["ip", "-o", "link", "show", "eth0"]), 10));
    const own = /link\/ether (\S+)/.exec(node.sh("ip", "link", "show", "eth0"))?.[1] ?? "";
    const frame = segment(`udp 172.30.0.200:5000 > ${pod.address}:9`);
    const taken = () => Number(node.path.counts()["forward-local"].packets);
    const send = (destination: string, tag: readonly number[]) => {
      frame.set(macBytes(mac(destination)));
      const virtioHeader = new Uint8Array(10);
      socket.send(Uint8Array.from([...virtioHeader, ...frame.subarray(0, 12), ...tag, ...frame.subarray(12)]));
    };
    /** How many are taken of one frame and one more that is; so many are waited for, and then for more than that. */
    const takenOf = async (expected: number, destination: string, tag: readonly number[]) => {
      const before = taken();
      send(destination, tag);
      send(own, []);
      for (let i = 0; i < 1000 && taken() - before < expected; i++) await Bun.sleep(10);
      await Bun.sleep(50);
      return taken() - before;
    };
    expect(await takenOf(2, own, [])).toBe(2);
    expect(await takenOf(1, "02:00:00:00:00:09", [])).toBe(1);
    expect(await takenOf(1, own, [0x81, 0, 0, 7])).toBe(1);
    // Not a VLAN, but a priority (IEEE 802.1Q, VID 0).
    expect(await takenOf(2, own, [0x81, 0, 0x20, 0])).toBe(2);
  });
});
