// How long connections live, by protocol and by what was seen of them.

import { describe, expect, test } from "bun:test";
import { connectionFlags as seen } from "#datapath/connection-format.ts";
import { lifetimeOf } from "./lifetime.ts";

describe("lifetimeOf()", () => {
  const rows: readonly (readonly [what: string, protocol: number, flags: number, seconds: number])[] = [
    ["TCP that nobody has answered", 6, 0, 60],
    ["TCP that was answered", 6, seen.answered, 21_600],
    ["TCP of which one end goes on", 6, seen.answered | seen.finOpener, 21_600],
    ["TCP that both have ended", 6, seen.answered | seen.finOpener | seen.finOther, 10],
    ["TCP that was cut", 6, seen.answered | seen.reset, 10],
    ["TCP that was refused", 6, seen.reset, 10],
    ["UDP that nobody has answered", 17, 0, 60],
    ["UDP that was answered", 17, seen.answered | seen.translated, 180],
    ["SCTP that was answered", 132, seen.answered, 180],
    ["an echo", 1, seen.answered, 30],
  ];
  for (const [what, protocol, flags, seconds] of rows) {
    test(`gives ${what} ${seconds} s`, () => {
      expect(lifetimeOf(protocol, flags)).toBe(seconds);
    });
  }
});
