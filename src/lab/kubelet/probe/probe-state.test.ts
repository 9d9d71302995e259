// Results of probes, counted.
import { describe, expect, test } from "bun:test";
import type { Probe } from "kubernetes-types/core/v1";
import { afterResult, firstState, firstTryMs, isUnhealthy, nextTryMs, type ProbeKind } from "./probe-state.ts";

/** Verdicts after each result, `+` and `-`; `!` where the container must be ended. */
function show(kind: ProbeKind, probe: Probe, results: string): string {
  let state = firstState(kind);
  return [...results]
    .map((result) => {
      state = afterResult(state, result === "+", probe);
      return `${state.verdict ? "+" : "-"}${isUnhealthy(kind, state, probe) ? "!" : ""}`;
    })
    .join("");
}

describe("probes", () => {
  const rows: readonly (readonly [what: string, kind: ProbeKind, probe: Probe, results: string, verdicts: string])[] = [
    ["readiness comes with one success", "readiness", {}, "-+", "-+"],
    ["readiness goes with three failures", "readiness", {}, "+---+", "+++-+"],
    ["readiness can ask for more successes", "readiness", { successThreshold: 2 }, "+-++", "---+"],
    ["liveness is there from the start", "liveness", {}, "--+", "+++"],
    ["liveness ends a container at the third failure", "liveness", {}, "-+---", "++++-!"],
    ["liveness can be strict", "liveness", { failureThreshold: 1 }, "+-", "+-!"],
    ["a startup probe has time", "startup", { failureThreshold: 4 }, "---+", "---+"],
    ["a startup probe gives up", "startup", { failureThreshold: 2 }, "--", "--!"],
  ];
  for (const [what, kind, probe, results, verdicts] of rows) {
    test(what, () => expect(show(kind, probe, results)).toBe(verdicts));
  }

  const firsts: readonly (readonly [kind: ProbeKind, probe: Probe, ranMs: number, waitMs: number])[] = [
    ["startup", {}, 0, 50],
    ["startup", { initialDelaySeconds: 3 }, 0, 3000],
    ["startup", { initialDelaySeconds: 3 }, 1000, 2000],
    ["readiness", { initialDelaySeconds: 3 }, 60_000, 50],
    ["liveness", {}, 0, 10_000],
    ["liveness", { periodSeconds: 2 }, 500, 1500],
    ["liveness", { initialDelaySeconds: 1 }, 0, 1000],
    ["liveness", {}, 60_000, 50],
  ];
  for (const [kind, probe, ranMs, waitMs] of firsts) {
    test(`${kind} ${JSON.stringify(probe)} begins ${waitMs} ms after ${ranMs}`, () => {
      expect(firstTryMs(kind, probe, ranMs)).toBe(waitMs);
    });
  }

  /** What is waited for after each result, for tries that take no time. */
  function waits(kind: ProbeKind, probe: Probe, results: string): readonly number[] {
    let state = firstState(kind);
    return [...results].map((result) => {
      state = afterResult(state, result === "+", probe);
      return nextTryMs(kind, state, probe, 0);
    });
  }

  test("a startup probe has the time that its period and its failures say", () => {
    expect(waits("startup", { periodSeconds: 7, failureThreshold: 30 }, "----")).toEqual([7000, 7000, 7000, 7000]);
  });

  test("liveness is tried by its period", () => {
    expect(waits("liveness", { periodSeconds: 3 }, "+--")).toEqual([3000, 3000, 3000]);
  });

  test("readiness is tried in steps that double up to its period until it is reached, then by its period", () => {
    const ten = [100, 200, 400, 800, 1600, 3200, 6400, 10_000, 10_000];
    expect(waits("readiness", {}, "-".repeat(9))).toEqual(ten);
    expect(waits("readiness", { periodSeconds: 1 }, "-----")).toEqual([100, 200, 400, 800, 1000]);
    expect(waits("readiness", { periodSeconds: 5 }, "+---")).toEqual([5000, 5000, 5000, 5000]);
  });

  test("a period is from one try to the next, however long a try takes", () => {
    const state = afterResult(firstState("liveness"), false, {});
    expect(nextTryMs("liveness", state, {}, 4000)).toBe(6000);
    expect(nextTryMs("liveness", state, {}, 40_000)).toBe(0);
  });
});
