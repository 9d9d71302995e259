// The clock of long-running processes while somebody sets the wall clock.

import { afterAll, expect, setSystemTime, test } from "bun:test";
import { steadyNow } from "./steady-clock.ts";

afterAll(() => {
  setSystemTime();
});

test("steadyNow() is the time of day, and goes on as it was when that is set", () => {
  const before = steadyNow();
  expect(Math.abs(before - Date.now())).toBeLessThan(1000);
  for (const jumpMs of [3_600_000, -86_400_000]) {
    setSystemTime(Date.now() + jumpMs);
    const now = steadyNow();
    expect([now >= before, now - before < 1000]).toEqual([true, true]);
  }
});
