// The probes of a container that runs, in real time: when it is tried, and what comes of it.

import { describe, expect, test } from "bun:test";
import type { Container } from "kubernetes-types/core/v1";
import { ip } from "#net/ip.ts";
import { Prober } from "./prober.ts";

/** Probes a container until `done`; `answer` says how the nth try of each program ends. */
async function probe(
  container: Partial<Container>,
  answer: (program: string, nth: number) => number,
  done: (prober: Prober, tries: ReadonlyMap<string, readonly number[]>) => boolean,
): Promise<{ readonly prober: Prober; readonly tries: ReadonlyMap<string, readonly number[]> }> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const tries = new Map<string, number[]>();
  const now = () => performance.now();
  const prober = new Prober({
    container: { name: "c", ...container },
    ip: ip("192.0.2.1"),
    ...{ now, sinceMs: now() },
    exec: ([program = ""]) => {
      const times = tries.get(program) ?? [];
      tries.set(program, [...times, now()]);
      return Promise.resolve({ exitCode: answer(program, times.length + 1), output: "" });
    },
    changed: () => {
      if (done(prober, tries)) resolve();
    },
    failed: () => {},
  });
  await promise;
  prober[Symbol.dispose]();
  return { prober, tries };
}

function gaps(times: readonly number[] = []): readonly number[] {
  return times.slice(1).map((time, index) => time - (times[index] ?? 0));
}

/** Timers may be a little early by another clock. */
const secondMs = 950;

describe("a prober", () => {
  test("tries for startup by the period, and gives up after as many failures as it may have", async () => {
    const startupProbe = { exec: { command: ["startup"] }, periodSeconds: 1, failureThreshold: 3 };
    const livenessProbe = { exec: { command: ["liveness"] }, periodSeconds: 1 };
    const { prober, tries } = await probe(
      { startupProbe, livenessProbe },
      () => 1,
      ({ unhealthy }) => unhealthy !== undefined,
    );
    expect([prober.unhealthy, prober.started, prober.ready]).toEqual(["failed startup probe", false, false]);
    expect(tries.get("startup")).toHaveLength(3);
    for (const gap of gaps(tries.get("startup"))) expect(gap).toBeGreaterThan(secondMs);
    expect(tries.has("liveness")).toBe(false);
  }, 60_000);

  test("begins with readiness once it has started, and waits as long as it is told to", async () => {
    const startupProbe = { exec: { command: ["startup"] }, periodSeconds: 1 };
    const readinessProbe = { exec: { command: ["readiness"] }, initialDelaySeconds: 2 };
    const beganMs = performance.now();
    const { tries } = await probe(
      { startupProbe, readinessProbe },
      (program, nth) => (program === "startup" && nth === 1 ? 1 : 0),
      ({ ready }) => ready,
    );
    expect(tries.get("startup")).toHaveLength(2);
    expect((tries.get("readiness")?.[0] ?? 0) - beganMs).toBeGreaterThan(2 * secondMs);
  }, 60_000);
});
