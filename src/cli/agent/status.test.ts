// What `twill status` prints for people.

import { describe, expect, test } from "bun:test";
import type { StatusMessage } from "#api/messages.ts";
import { cidr } from "#net/cidr.ts";
import { ip } from "#net/ip.ts";
import { formatStatus } from "./status.ts";

const status: StatusMessage = {
  node: "n1",
  addresses: [ip("172.30.0.11"), ip("fd00:30::11")],
  blocks: [cidr("10.244.1.0/24")],
  ready: true,
  programs: true,
  fabric: "auto",
  tunnelChecksums: "devices",
  mtu: 1430,
  endpoints: 2,
  peers: [],
  connections: null,
  problems: [],
};

const peer = { node: "n2", addresses: [ip("172.30.0.12")], blocks: [cidr("10.244.2.0/24")] } as const;

describe("formatStatus()", () => {
  test("says what the node has, a line each", () => {
    expect(formatStatus(status).split("\n")).toEqual([
      "node       n1, ready",
      "addresses  172.30.0.11 fd00:30::11",
      "blocks     10.244.1.0/24",
      "fabric     auto, packets of pods up to 1430 bytes",
      "programs   in their places",
      "endpoints  2",
      "",
    ]);
  });

  const connections = { connections: 3, maxConnections: 9, translations: 1, maxTranslations: 18 } as const;
  const rows: readonly (readonly [Partial<StatusMessage>, string])[] = [
    [{ ready: false, problems: ["The agent starts"] }, "node       n1, not ready"],
    [{ ready: false, problems: ["The agent starts"] }, "problem    The agent starts"],
    [{ addresses: [], blocks: [] }, "blocks     none"],
    [{ programs: false }, "programs   not used"],
    [{ tunnelChecksums: "kernel" }, "checksums  in the tunnel made by the kernel: the node's devices make them wrong"],
    [
      { connections: { ...connections, ports: 0, maxPorts: 100, collected: 0 } },
      "tracked    3 of 9 connections, 1 of 18 translations",
    ],
    [
      { connections: { ...connections, ports: 90, maxPorts: 100, collected: 0 } },
      "tracked    3 of 9 connections, 1 of 18 translations, 90 of 100 ports toward one endpoint",
    ],
    [
      { peers: [{ ...peer, way: "tunnel", via: ip("172.30.0.12") }] },
      "n2    tunnel via 172.30.0.12  172.30.0.12  10.244.2.0/24",
    ],
    [{ peers: [{ ...peer, way: "unknown", via: null }] }, "n2    unknown  172.30.0.12  10.244.2.0/24"],
  ];
  for (const [changes, line] of rows) {
    test(`prints "${line}"`, () => expect(formatStatus({ ...status, ...changes }).split("\n")).toContain(line));
  }
});
