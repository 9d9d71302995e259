// Ways that are measured in turns, a few messages each at a time, and what one comes to beside another.

import { Random } from "#test/random.ts";
import { percentile } from "./driver.ts";
import type { Deed, TalkClient } from "./talk.ts";

/** The medians of a way's turns, in microseconds. */
export type Turns = readonly number[];

export type LatencyRow = {
  readonly what: string;
  readonly twillUs: number;
  readonly otherUs: number;
  /** The median of the turns' own ratios: what disturbs the machine for longer than a turn disturbs both. */
  readonly ratio: number;
  /** Undefined: nobody has asked for one. */
  readonly goal: number | undefined;
};

/** How long a measurement is: turns of each way, and what is done in one. */
export type Extent = { readonly turns: number; readonly each: number };

/** Each turn has an order of its own: no way has the same one before it each time. */
export async function alternate<K extends string>(
  ways: Readonly<Record<K, TalkClient>>,
  deed: Deed,
  { turns, each }: Extent,
): Promise<Readonly<Record<K, Turns>>> {
  const keys = Object.keys(ways) as K[];
  const medians = new Map<K, number[]>(keys.map((key) => [key, []]));
  for (const key of keys) await ways[key].run(deed, each);
  const random = new Random(turns);
  for (let turn = 0; turn < turns; turn++) {
    for (const key of shuffled(keys, random)) {
      medians.get(key)?.push(percentile(await ways[key].run(deed, each), 0.5) / 1000);
    }
  }
  return Object.fromEntries(medians) as Record<K, number[]>;
}

function shuffled<T>(values: readonly T[], random: Random): readonly T[] {
  return values
    .map((value) => ({ value, place: random.u32() }))
    .sort((a, b) => a.place - b.place)
    .map(({ value }) => value);
}

/** One way beside another, of the same run. */
export function compare(what: string, own: Turns, other: Turns, goal?: number): LatencyRow {
  const ratios = own.map((us, turn) => us / (other[turn] ?? Number.NaN));
  const [twillUs, otherUs, ratio] = [own, other, ratios].map((values) => percentile(values, 0.5));
  return { what, twillUs: twillUs ?? 0, otherUs: otherUs ?? 0, ratio: ratio ?? 0, goal };
}

export function printLatencies(rows: readonly LatencyRow[]): void {
  for (const { what, twillUs, otherUs, ratio, goal } of rows) {
    const wanted = goal === undefined ? "" : ` (goal ${goal})`;
    const times = `${twillUs.toFixed(2).padStart(7)} µs and ${otherUs.toFixed(2).padStart(7)} µs`;
    console.log(`${what.padEnd(72)} ${times}, ratio ${ratio.toFixed(3)}${wanted}`);
  }
}
