// What quantities stand for.

import { expect, test } from "bun:test";
import { parseQuantity } from "./quantity.ts";

const rows: readonly (readonly [text: string, value: number | undefined])[] = [
  ["0", 0],
  ["2", 2],
  ["1.5", 1.5],
  [".5", 0.5],
  ["500m", 0.5],
  ["-1", -1],
  ["10M", 10_000_000],
  ["1k", 1000],
  ["1Ki", 1024],
  ["2Gi", 2 * 1024 ** 3],
  ["1E", 1e18],
  ["1e3", 1000],
  ["1E3", 1000],
  ["2.5e-1", 0.25],
  ["", undefined],
  ["1KiB", undefined],
  ["1 Gi", undefined],
  ["Gi", undefined],
  ["1K", undefined],
];
for (const [text, value] of rows) test(`"${text}" is ${value}`, () => expect(parseQuantity(text)).toBe(value));
