// Handles of traffic control as tc(8) writes them.
import { describe, expect, test } from "bun:test";
import { formatHandle, handle, ingressHandle, Parent } from "./tc.ts";

const rows: readonly (readonly [number, string])[] = [
  [handle(1), "1:"],
  [handle(1, 0x30), "1:30"],
  [handle(0x8001), "8001:"],
  [handle(0xffff, 0xfff0), "ffff:fff0"],
  [ingressHandle, "ffff:"],
  [Parent.root, "root"],
  [Parent.ingress, "ingress"],
  [Parent.clsactEgress, "clsactEgress"],
];

describe("formatHandle()", () => {
  for (const [value, text] of rows) {
    test(`writes ${value} as ${text}`, () => {
      expect(formatHandle(value)).toBe(text);
    });
  }
});

describe("handle()", () => {
  test("is major and minor number", () => {
    expect(handle(0x8001, 0x10)).toBe(0x80010010);
  });

  for (const [major, minor] of [
    [0x10000, 0],
    [1, 0x10000],
    [-1, 0],
    [1, 0.5],
  ] as const) {
    test(`refuses ${major}:${minor}`, () => {
      expect(() => handle(major, minor)).toThrow("does not fit either half of a traffic control handle");
    });
  }
});
