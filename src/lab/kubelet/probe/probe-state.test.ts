// Results of probes, counted.
import { describe, expect, test } from "bun:test";
import type { Probe } from "kubernetes-types/core/v1";
import { afterResult, firstState, isUnhealthy, nextTryMs, type ProbeKind } from "./probe-state.ts";

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

  test("what is not ready yet is asked soon, then each second, all else by its period", () => {
    const unready = firstState("readiness");
    const waits: number[] = [];
    for (let state = unready; waits.length < 6; waits.push(nextTryMs("readiness", state, {}))) {
      state = afterResult(state, false, {});
    }
    expect(waits).toEqual([100, 200, 400, 800, 1000, 1000]);
    expect(nextTryMs("readiness", afterResult(unready, true, {}), {})).toBe(10_000);
    expect(nextTryMs("liveness", firstState("liveness"), { periodSeconds: 3 })).toBe(3000);
  });
});
