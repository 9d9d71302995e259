// How many tests passed, failed and were skipped.
import type { TestCase } from "#test/vm/junit.ts";

export type Tally = { readonly passed: number; readonly failed: number; readonly skipped: number };

export function countCases(cases: readonly TestCase[]): Tally {
  const count = (outcome: TestCase["outcome"]) => cases.filter((entry) => entry.outcome === outcome).length;
  return { passed: count("passed"), failed: count("failed"), skipped: count("skipped") };
}

export function addTallies(tallies: readonly Tally[]): Tally {
  const sum = (key: keyof Tally) => tallies.reduce((total, tally) => total + tally[key], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

/** The line that `.ci/run` and people look for. */
export function formatTally({ passed, failed, skipped }: Tally): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}
