// The collector over the kernel's maps: what it takes, what it tells, how often it looks.

import { describe, expect, test } from "bun:test";
import { Metrics } from "#base/metrics.ts";
import { connectionFlags } from "#datapath/connection-format.ts";
import { Datapath } from "#datapath/datapath.ts";
import { monotonicSeconds } from "#kernel/monotonic-clock.ts";
import { ip } from "#net/ip.ts";
import { Collector, nextPassMs } from "./collector.ts";

describe("Collector", () => {
  test("takes what fell silent by the programs' clock, and says when the maps are almost full", () => {
    using path = new Datapath({ pins: undefined, sizes: { connections: 64, translations: 64 } });
    const log: string[] = [];
    const metrics = new Metrics();
    using collector = new Collector({
      maps: path.connections,
      nowSeconds: monotonicSeconds,
      metrics,
      log: (line) => log.push(line),
    });
    const now = monotonicSeconds();
    const connect = (sourcePort: number, seen: number, flags: number) =>
      path.connections.connections.set(
        { source: ip("10.244.0.1"), destination: ip("10.244.0.2"), sourcePort, destinationPort: 80, protocol: 6 },
        { seen, flags, generation: 0, egressRule: 0, ingressRule: 0, service: 0, opened: 0 },
      );
    connect(1, now, 0);
    connect(2, now - 61, 0);
    connect(3, now - 61, connectionFlags.answered);
    collector.collect();
    const full = { maxConnections: 64, maxTranslations: 64, maxPorts: 4536 };
    expect(collector.pressure).toEqual({ ...full, connections: 3, translations: 0, ports: 0, collected: 1 });
    expect(collector.problem).toBeUndefined();
    expect(metrics.format()).toContain('twill_tracked{kind="connection"} 3\n');
    expect(metrics.format()).toContain("twill_tracked_collected_total 1\n");
    for (let port = 0; port < 64; port++) connect(port, now, 0);
    collector.collect();
    // A map of this kind that is all but full has begun to forget.
    expect(collector.problem).toMatch(
      /^The packet path remembers \d+ of at most 64 connections and 0 of 64 translations/,
    );
  });

  test("says when ports of the node toward one endpoint are almost used up", () => {
    using path = new Datapath({ pins: undefined, sizes: { connections: 16_384, translations: 16_384 } });
    const metrics = new Metrics();
    const nowSeconds = monotonicSeconds;
    using collector = new Collector({ maps: path.connections, nowSeconds, metrics, log: () => {} });
    const [endpoint, node, client] = [ip("10.244.2.5"), ip("172.30.0.11"), ip("192.0.2.2")];
    const asked = { source: node, destination: client, sourcePort: 30_080, destinationPort: 4000, protocol: 6 };
    const answers = (sourcePort: number, count: number) =>
      Array.from({ length: count }, (_, index) => {
        const says = { source: endpoint, destination: node, sourcePort, destinationPort: 61_000 + index, protocol: 6 };
        return [says, { to: asked, seen: monotonicSeconds(), service: 1 }] as const;
      });
    path.connections.translations.setAll([...answers(8080, 3000), ...answers(8443, 10)]);
    collector.collect();
    expect([collector.pressure.ports, collector.problem]).toEqual([3000, undefined]);
    expect(metrics.format()).toContain("twill_translated_ports 3000\n");
    path.connections.translations.setAll(answers(8080, 3700));
    collector.collect();
    expect(collector.problem).toContain("3700 of 4536 ports toward one endpoint");
  });
});

describe("nextPassMs()", () => {
  const rows: readonly (readonly [share: number, seconds: number])[] = [
    [0, 60],
    [0.49, 60],
    [0.5, 15],
    [0.8, 5],
    [1, 5],
  ];
  for (const [share, seconds] of rows) {
    test(`of maps that are full to ${share} is ${seconds} s`, () => {
      expect(nextPassMs(share)).toBe(seconds * 1000);
    });
  }
});
