// What is missing of an endpoint's wiring. Nothing is ever taken away here: what a pod adds for itself is its own.

import { formatPart, type Part } from "./part.ts";

/** The parts of `want` that `have` lacks, in the order of `want`. */
export function planWiring(want: readonly Part[], have: readonly Part[]): readonly Part[] {
  if (have.length === 0) return want.filter((part) => !isBornWith(part));
  const there = new Set(have.map(formatPart));
  const missing = want.filter((part) => !there.has(formatPart(part)));
  const pair = missing.find(({ part }) => part === "pair");
  return pair === undefined ? missing : missing.filter((part) => !isBornWith(part));
}

/** Of a new pair. */
function isBornWith({ part }: Part): boolean {
  return part === "end" || part === "mtu" || part === "alone";
}
