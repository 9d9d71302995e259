// Rows of a comparison: two sides timed in turn, their medians and what they come to.

import type { Netns } from "#test/sandbox.ts";
import { type Contestant, call } from "./contestant.ts";
import { type Driver, percentile } from "./driver.ts";

export type Row = {
  readonly what: string;
  readonly quantile: number;
  readonly referenceMs: number;
  readonly twillMs: number;
  readonly ratio: number;
  readonly goal: number;
  readonly rounds: number;
};

/** Where a comparison runs. */
export type Ground = { readonly driver: Driver; readonly pods: readonly Netns[]; readonly rounds: number };

/** Links that were removed are taken apart by the kernel for some time after the call: that is no cost of the next call. */
export const settleMs = 100;
const warmUp = 5;

/** Times ADD and DEL of one plugin for each side in turn. */
export async function addDel(
  { driver, pods, rounds }: Ground,
  sides: readonly { readonly side: Contestant; readonly conf: Readonly<Record<string, unknown>> }[],
): Promise<{ readonly add: number[][]; readonly del: number[][] }> {
  const add: number[][] = sides.map(() => []);
  const del: number[][] = sides.map(() => []);
  for (let round = 0; round < rounds + warmUp; round++) {
    for (const [i, { side, conf }] of sides.entries()) {
      // What one side leaves for a moment is not in another's way.
      const pod = pods[(round * sides.length + i) % pods.length];
      const attach = { containerId: `c${round}`, netns: pod?.path ?? "" };
      const added = await call(driver, side, "ADD", attach, conf);
      await Bun.sleep(settleMs);
      const deleted = await call(driver, side, "DEL", attach, conf);
      await Bun.sleep(settleMs);
      if (round < warmUp) continue;
      add[i]?.push(added.ms);
      del[i]?.push(deleted.ms);
    }
  }
  return { add, del };
}

/** Of samples of the reference, then of ours. */
export function row(what: string, goal: number, samples: readonly (readonly number[])[], quantile = 0.5): Row {
  const [of = [], own = []] = samples;
  const referenceMs = percentile(of, quantile);
  const twillMs = percentile(own, quantile);
  return { what, quantile, referenceMs, twillMs, ratio: twillMs / referenceMs, goal, rounds: own.length };
}

export function printRows(rows: readonly Row[]): void {
  console.log(
    `\n${"".padEnd(50)} ${"reference".padStart(10)} ${"twill".padStart(9)} ${"ratio".padStart(7)} ${"goal".padStart(6)}`,
  );
  for (const { what, quantile, referenceMs, twillMs, ratio, goal } of rows) {
    const name = `${what} p${quantile * 100}`.padEnd(50);
    const cells = [`${referenceMs.toFixed(2)} ms`.padStart(10), `${twillMs.toFixed(2)} ms`.padStart(9)];
    console.log(`${name} ${cells.join(" ")} ${ratio.toFixed(3).padStart(7)} ${String(goal).padStart(6)}`);
  }
}
