// Sockets that are closed by force: those that are connected to an end that is gone, and no others.

import { describe, expect, test } from "bun:test";
import { Netns } from "#kernel/netns.ts";
import { ip } from "#net/ip.ts";
import { Sandbox } from "#test/sandbox.ts";
import { SocketNode } from "#test/sockets/socket-node.ts";
import { Connection } from "./connection.ts";
import { closeSocketsTo, listConnected } from "./sock-diag.ts";

const port = 8080;

describe("closeSocketsTo()", () => {
  test("ends UDP sockets that are connected to one of the ends, of either family, and no others", async () => {
    using box = new Sandbox();
    await using node = new SocketNode(box);
    await node.serve(port, "10.244.0.1", "10.244.0.2", "fd00::1");
    const netns = node.netns();
    const client = node.client(netns);
    const kinds = [
      ["v4", "udp4", "10.244.0.1"],
      ["v6", "udp6", "fd00::1"],
      ["mapped", "udp6", "::ffff:10.244.0.1"],
      ["other", "udp4", "10.244.0.2"],
      ["tcp", "tcp4", "10.244.0.1"],
    ] as const;
    for (const [name, kind, address] of kinds) {
      expect(await client.run(["open", name, kind], ["connect", name, address, port])).toEqual(["ok", "ok"]);
    }
    await client.run(["open", "wrong port", "udp4"], ["connect", "wrong port", "10.244.0.1", port + 1]);
    using entered = new Netns(netns.path);
    using connection = new Connection("sockDiag", entered);
    expect(
      listConnected(connection, "udp", "ipv6")
        .map(({ peer }) => peer.address)
        .sort(),
    ).toEqual([ip("10.244.0.1"), ip("fd00::1")]);
    const ends = ["10.244.0.1", "fd00::1", "10.244.0.7"].map((address) => ({ address: ip(address), port }));
    expect(closeSocketsTo(connection, "udp", ends)).toBe(3);
    expect(closeSocketsTo(connection, "udp", ends)).toBe(0);
    for (const name of ["v4", "v6", "mapped"]) {
      expect(await client.run(["receive", name], ["peer", name])).toEqual(["ECONNABORTED", "ENOTCONN"]);
    }
    expect(await client.run(["ask", "other"], ["ask", "tcp"])).toEqual(["10.244.0.2", "10.244.0.1"]);
    expect(closeSocketsTo(connection, "tcp", ends)).toBe(1);
    expect(await client.run(["receive", "tcp"])).toEqual(["ECONNABORTED"]);
  });

  test("wakes whoever waits for an answer", async () => {
    using box = new Sandbox();
    await using node = new SocketNode(box);
    await node.serve(port, "10.244.0.1");
    const netns = node.netns();
    const client = node.client(netns);
    // Nobody answers there.
    await client.run(["open", "a", "udp4"], ["connect", "a", "10.244.0.9", port]);
    const waiting = client.run(["receive", "a"]);
    using entered = new Netns(netns.path);
    using connection = new Connection("sockDiag", entered);
    expect(closeSocketsTo(connection, "udp", [{ address: ip("10.244.0.9"), port }])).toBe(1);
    expect(await waiting).toEqual(["ECONNABORTED"]);
  });
});
