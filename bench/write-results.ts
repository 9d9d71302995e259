// Figures of a benchmark, kept with what the machine was.

import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, loadavg, release } from "node:os";

/** Writes bench/results/NAME.json. */
export function writeResults(name: string, results: object): void {
  const load = Number((loadavg()[0] ?? Number.NaN).toPrecision(3));
  const machine = { kernel: release(), cpus: cpus().length, cpu: cpus()[0]?.model ?? "", load };
  const folder = new URL("results", import.meta.url).pathname;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/${name}.json`, `${JSON.stringify({ machine, ...results }, null, 2)}\n`);
}
