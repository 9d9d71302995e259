// Reserved ports as the kernel writes them, with and without ours.

import { describe, expect, test } from "bun:test";
import { releasePorts, reservePorts } from "./port-range.ts";

describe("reservePorts()", () => {
  const rows: readonly (readonly [before: string, after: string, released: string])[] = [
    ["", "61000-65535", ""],
    ["8080", "8080,61000-65535", "8080"],
    ["9000-9010,8080", "8080,9000-9010,61000-65535", "8080,9000-9010"],
    ["60990-61005", "60990-65535", "60990-60999"],
    ["60999", "60999-65535", "60999"],
    ["61000-65535", "61000-65535", ""],
  ];
  for (const [before, after, released] of rows) {
    test(`makes "${before}" "${after}", and back`, () => {
      expect(reservePorts(before)).toBe(after);
      expect(reservePorts(after)).toBe(after);
      expect(releasePorts(after)).toBe(released);
    });
  }
});
