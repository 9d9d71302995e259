// Figures as Prometheus reads them.

import { expect, test } from "bun:test";
import { Metrics } from "./metrics.ts";

test("Metrics writes what it is given, read when it is asked", () => {
  const metrics = new Metrics();
  let pods = 1;
  metrics.gauge("twill_pods", "Pods of this node.", () => pods);
  metrics.counter("twill_packets_total", "Packets.", () => [{ labels: { outcome: 'a "b"\\' }, value: 3 }]);
  const seconds = metrics.histogram("twill_seconds", "How long.", [0.01, 0.1]);
  for (const value of [0.005, 0.01, 0.05, 7]) seconds.observe(value);
  pods = 2;
  expect(metrics.format().split("\n")).toEqual([
    "# HELP twill_pods Pods of this node.",
    "# TYPE twill_pods gauge",
    "twill_pods 2",
    "# HELP twill_packets_total Packets.",
    "# TYPE twill_packets_total counter",
    'twill_packets_total{outcome="a \\"b\\"\\\\"} 3',
    "# HELP twill_seconds How long.",
    "# TYPE twill_seconds histogram",
    'twill_seconds_bucket{le="0.01"} 2',
    'twill_seconds_bucket{le="0.1"} 3',
    'twill_seconds_bucket{le="+Inf"} 4',
    "twill_seconds_sum 7.065",
    "twill_seconds_count 4",
    "",
  ]);
  expect(() => metrics.gauge("twill_pods", "", () => 0)).toThrow("There is a metric twill_pods already");
});
